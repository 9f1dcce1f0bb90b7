// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// One of an experiment's groups, as the document has it.
public struct ExperimentGroup: Sendable, Hashable {
    /// The group's name; empty if it has none.
    public let name: String
    /// The rule that puts users into the group.
    public let ruleID: String
    /// The parameters that the group gets.
    public let value: JSONObject
}

/// The groups of one experiment.
public struct ExperimentGroups: Sendable, Hashable {
    /// Whether the experiment is running.
    public let isActive: Bool
    /// The experiment's kind of unit.
    public let idType: String
    /// The groups in the document's order.
    public let groups: [ExperimentGroup]
}

extension Evaluator {
    /// The groups of the experiment, running or not; nil for an unknown name and for what is no experiment.
    public func groups(ofExperiment name: String) -> ExperimentGroups? {
        let index = compiled.find(name, in: .configs)
        guard index >= 0, compiled.specs[Int(index)].entity == .experiment else { return nil }
        let spec = compiled.specs[Int(index)]
        let rules = spec.rules.places.map { compiled.rules[$0] }.filter(\.isExperimentGroup)
        return ExperimentGroups(
            isActive: spec.isActive ?? false,
            idType: compiled.text(spec.idType),
            groups: rules.map { rule in
                ExperimentGroup(
                    name: compiled.text(rule.groupName),
                    ruleID: compiled.text(rule.id),
                    value: compiled.values[Int(rule.returnValue)].asParameters ?? JSONObject()
                )
            }
        )
    }

    /// What the experiment gives to its group of this name, whoever is in it; an unknown group is a reason, not an error.
    public func experiment(_ name: String, group: String) -> ConfigEvaluation {
        guard hasSpecs else {
            let details = EvaluationDetails(reason: .noSpecs(source))
            return ConfigEvaluation(answer: .unknown, extras: nil, secondaryExposures: [], details: details)
        }
        var details = EvaluationDetails(
            reason: .unrecognized(from: source),
            time: compiled.time,
            receivedAt: compiled.receivedAt
        )
        var answer = Answer.unknown
        if let rule = compiled.rule(ofGroup: group, inExperiment: name) {
            details.reason = .recognized(from: source)
            answer = compiled.pooledAnswers.answers[Int(compiled.pooledAnswers.ofRule[rule])]
        }
        return ConfigEvaluation(answer: answer, extras: nil, secondaryExposures: [], details: details)
    }
}

extension Ruleset {
    /// The first rule with this group's name.
    func rule(ofGroup group: String, inExperiment name: String) -> Int? {
        let index = configTable.find(name)
        guard index >= 0 else { return nil }
        return specs[Int(index)].rules.places.first { rule in
            rules[rule].groupName.index >= 0 && text(rules[rule].groupName).isExactly(group)
        }
    }
}
