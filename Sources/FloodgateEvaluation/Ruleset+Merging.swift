// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

extension Ruleset {
    /// New layer evaluation: parameters are gathered from several rules, and the first that writes one wins.
    func evaluateMerging(
        _ layer: CompiledSpec,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) {
        var merged = JSONObject()
        var ruleIDs = JSONObject()
        var isAnyApplied = false
        var secondary: [SecondaryExposure] = []
        var undelegated: [SecondaryExposure] = []
        var passed = false

        func add(_ object: JSONObject, by ruleID: String) {
            for member in object where merged[member.name] == nil {
                merged[member.name] = member.value
                ruleIDs[member.name] = .string(ruleID)
            }
        }
        var ruleID = TextIndex.default
        var group = TextIndex.none
        var isGroup = false
        var explicit: Int32 = -1
        var delegate = TextIndex.none

        // Delegates are evaluated in the layer's own state, as in the Rust core: what the last one left there shows
        // where an unsupported rule ends the evaluation, and id type and version stay in any case.
        for index in layer.rules.places {
            let rule = rules[index]
            run(rule, for: user, in: surroundings, &session, into: &outcome)
            if session.isTooDeep { return }
            secondary += outcome.exposures
            undelegated += outcome.exposures
            outcome.exposures = []
            if outcome.isUnsupported {
                outcome.endUnsupported()
                outcome.exposures = secondary
                outcome.setExtras { $0.undelegated = undelegated }
                return
            }
            if session.isTraced, outcome.bool { traceShare(rule, user, session) }
            if !outcome.bool || !passes(rule, for: user.storage) { continue }
            if rule.delegate >= 0 {
                self.delegate(to: rule.delegate, for: user, in: surroundings, &session, into: &outcome)
                if session.isTooDeep { return }
                if isAnyApplied { continue }
                guard let value = rawValue(outcome) else { continue }
                add(value.objectValue ?? JSONObject(), by: text(rule.id))
                secondary += outcome.exposures
                outcome.exposures = []
                passed = outcome.bool
                delegate = outcome.delegate
                group = outcome.groupName
                explicit = outcome.explicitParameters
                ruleID = rule.id
                isGroup = rule.isExperimentGroup
            } else {
                add(values[Int(rule.returnValue)].objectValue ?? JSONObject(), by: text(rule.id))
                passed = !rule.returnsFalse
            }
            isAnyApplied = true
        }
        add(values[Int(layer.defaultValue)].objectValue ?? JSONObject(), by: "default")
        outcome.setParameters(merged)
        outcome.bool = passed
        outcome.ruleID = ruleID
        outcome.groupName = group
        outcome.isExperimentGroup = isGroup
        outcome.explicitParameters = explicit
        outcome.delegate = delegate
        outcome.exposures = secondary
        outcome.setExtras {
            $0.undelegated = undelegated
            $0.parameterRuleIDs = ruleIDs
        }
        outcome.isActive = layer.isActive ?? false
    }

    /// The rule id as results show it.
    func ruleID(_ outcome: Outcome) -> String {
        outcome.isExploring ? text(outcome.ruleID) + ":explore" : text(outcome.ruleID)
    }

    /// The value as the document has it; nil if there is none.
    func rawValue(_ outcome: Outcome) -> JSONValue? {
        switch outcome.value {
        case .unset: nil
        case .pooled(let index): values[Int(index)]
        case .parameters: outcome.extras.parameters.map(JSONValue.object)
        }
    }

    /// The value as parameters; see `JSONValue.asParameters`.
    func parameters(_ outcome: Outcome) -> JSONObject? { rawValue(outcome)?.asParameters }
}
