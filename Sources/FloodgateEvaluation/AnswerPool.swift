// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// All answers that single rules give, and where each rule's and each spec's stand.
struct AnswerPool: ~Copyable, Sendable {
    let answers: Pool<Answer>
    /// By rule: the answer where its share lets the unit through; the next one is for the others, if it has a share.
    let ofRule: Pool<Int32>
    /// By spec: the answer where no rule holds.
    let ofSpec: Pool<Int32>

    /// Gathers the answers of what was compiled.
    init(
        _ specs: borrowing Pool<CompiledSpec>,
        configSpecs: Range<Int32>,
        _ rules: borrowing Pool<CompiledRule>,
        _ ruleConditions: borrowing Pool<Int32>,
        _ conditions: borrowing Pool<CompiledCondition>,
        _ texts: borrowing Pool<String>,
        _ values: borrowing Pool<JSONValue>,
        _ textLists: borrowing Pool<[String]>
    ) {
        let (rules, texts, values, textLists) = (rules.buffer, texts.buffer, values.buffer, textLists.buffer)
        var answers: [Answer] = []
        answers.reserveCapacity(rules.count + specs.count)
        var ofRule = [Int32](repeating: -1, count: rules.count)
        var ofSpec = [Int32](repeating: -1, count: specs.count)
        for (index, spec) in specs.buffer.enumerated() {
            let facts = SpecFacts(
                idType: texts[Int(spec.idType.index)],
                version: spec.version,
                forwardsAll: spec.forwardsAllExposures,
                explicitParameters: spec.explicitParameters < 0
                    ? nil : textLists[Int(spec.explicitParameters)]
            )
            // Gates and segments have no parameters.
            let hasValue = Int32(index) >= configSpecs.lowerBound
            func value(_ place: Int32) -> JSONObject? {
                hasValue ? values[Int(place)].asParameters : nil
            }
            let defaultValue = value(spec.defaultValue)
            for place in spec.rules.places {
                let rule = rules[place]
                ofRule[place] = Int32(answers.count)
                let isFirst = place == spec.rules.places.lowerBound
                let origin = AnswerOrigin(rule, isFirst: isFirst, ruleConditions, conditions)
                func answer(_ value: JSONObject?, passed: Bool) -> Answer {
                    Answer(
                        facts,
                        ruleID: texts[Int(rule.id.index)],
                        groupName: rule.groupName.index < 0 ? nil : texts[Int(rule.groupName.index)],
                        value: value,
                        passed: passed,
                        isExperimentActive: spec.isActive ?? false,
                        isUserInExperiment: rule.isExperimentGroup,
                        origin: origin,
                        samplingRate: rule.samplingRate
                    )
                }
                answers.append(answer(value(rule.returnValue), passed: !rule.returnsFalse))
                if case .everyone = rule.share { continue }
                answers.append(answer(defaultValue, passed: spec.defaultIsTrue))
            }
            ofSpec[index] = Int32(answers.count)
            let ruleID = TextIndex.wellKnown[Int((spec.isEnabled ? TextIndex.default : .disabled).index)]
            answers.append(
                Answer(
                    facts,
                    ruleID: ruleID,
                    value: defaultValue,
                    passed: spec.defaultIsTrue,
                    isExperimentActive: spec.isActive ?? false
                )
            )
        }
        self.answers = Pool(moving: &answers)
        self.ofRule = Pool(moving: &ofRule)
        self.ofSpec = Pool(moving: &ofSpec)
    }
}

extension JSONValue {
    /// The value as parameters: an object is itself, other values are empty, null and booleans are none.
    var asParameters: JSONObject? {
        switch self {
        case .object(let object): object
        case .number, .string, .array: JSONObject()
        case .null, .bool: nil
        }
    }
}

extension Ruleset {
    /// Where the answer of a decision on the spec at `spec` stands.
    @inline(__always)
    func answer(_ decision: Decision, of spec: Int32) -> Int32 {
        decision.rule < 0
            ? pooledAnswers.ofSpec.pointer(to: spec).pointee
            : pooledAnswers.ofRule.pointer(to: decision.rule).pointee + (decision.passes ? 0 : 1)
    }
}
