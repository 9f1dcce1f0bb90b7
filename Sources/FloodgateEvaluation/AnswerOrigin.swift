// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// How an answer came about, as far as the rule tells that decided.
package enum AnswerOrigin: UInt8, Sendable, Hashable {
    /// Several rules had a say, or none of the document's.
    case several
    /// The spec's first rule, which is for everyone.
    case openRule
    /// A rule that is for nobody (0 %), so that the spec's default was served.
    case closedRule
    /// The conditions of a rule.
    case conditions
    /// The unit's bucket: a share of a rule, or a group of an experiment.
    case share
}

extension AnswerOrigin {
    /// What a rule's answers come from; `isFirst` among the rules of its spec.
    init(
        _ rule: CompiledRule,
        isFirst: Bool,
        _ ruleConditions: borrowing Pool<Int32>,
        _ conditions: borrowing Pool<CompiledCondition>
    ) {
        var (asksBucket, asksNothing) = (rule.isExperimentGroup, true)
        for place in rule.conditions.places {
            let index = ruleConditions[place]
            guard index >= 0 else { continue }
            switch conditions[Int(index)].type {
            case .always: break
            case .bucket: (asksBucket, asksNothing) = (true, false)
            default: asksNothing = false
            }
        }
        self =
            switch rule.share {
            case .nobody: .closedRule
            case .below: .share
            case .everyone where asksBucket: .share
            case .everyone: asksNothing && isFirst ? .openRule : .conditions
            }
    }
}

extension LayerEvaluation {
    /// How the answer came about.
    package var origin: AnswerOrigin { answer.origin }
}

extension Evaluator {
    /// Whether the specs have an experiment, or a contextual bandit, of this name.
    package func isExperiment(_ name: String) -> Bool {
        let index = compiled.find(name, in: .configs)
        if index >= 0, compiled.specs[Int(index)].entity == .experiment { return true }
        return !compiled.bandits.isEmpty && compiled.bandits[ExactText(name)] != nil
    }
}
