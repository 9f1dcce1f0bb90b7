// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// All answers that single rules give, and where each rule's and each spec's stand.
struct AnswerPool: ~Copyable, Sendable {
    let answers: Pool<Answer>
    /// By rule: the answer where its share lets the unit through; the next one is for the others, if it has a share.
    let ofRule: Pool<Int32>
    /// By spec: the answer where no rule holds.
    let ofSpec: Pool<Int32>

    /// Gathers the answers of what `compiler` laid out.
    init(_ compiler: borrowing RulesetCompiler) {
        var answers: [Answer] = []
        answers.reserveCapacity(compiler.rules.count + compiler.specs.count)
        var ofRule = [Int32](repeating: -1, count: compiler.rules.count)
        var ofSpec = [Int32](repeating: -1, count: compiler.specs.count)
        for (index, spec) in compiler.specs.enumerated() {
            let facts = SpecFacts(
                idType: compiler.texts[Int(spec.idType.index)],
                version: spec.version,
                forwardsAll: spec.forwardsAllExposures,
                explicitParameters: spec.explicitParameters < 0
                    ? nil : compiler.textLists[Int(spec.explicitParameters)]
            )
            // Gates and segments have no parameters.
            let hasValue = Int32(index) >= compiler.configSpecs.lowerBound
            func value(_ place: Int32) -> JSONObject? {
                hasValue ? compiler.values[Int(place)].asParameters : nil
            }
            let defaultValue = value(spec.defaultValue)
            for place in spec.rules.places {
                let rule = compiler.rules[place]
                ofRule[place] = Int32(answers.count)
                let isFirst = place == spec.rules.places.lowerBound
                let origin = AnswerOrigin(rule, isFirst: isFirst, compiler)
                func answer(_ value: JSONObject?, passed: Bool) -> Answer {
                    Answer(
                        facts,
                        ruleID: compiler.texts[Int(rule.id.index)],
                        groupName: rule.groupName.index < 0 ? nil : compiler.texts[Int(rule.groupName.index)],
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
        self.answers = Pool(answers)
        self.ofRule = Pool(ofRule)
        self.ofSpec = Pool(ofSpec)
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
