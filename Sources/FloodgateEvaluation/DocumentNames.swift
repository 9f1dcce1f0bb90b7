// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

/// Completes a trace with what only the document holds: names of rules, and texts that compiling does away with.
struct DocumentNames {
    private let document: SpecDocument
    private let gates: [ExactText: Spec]
    private let configs: [ExactText: Spec]
    private let layers: [ExactText: Spec]

    init(_ document: SpecDocument) {
        self.document = document
        func table(_ specs: [Spec]) -> [ExactText: Spec] {
            Dictionary(specs.map { (ExactText($0.name), $0) }, uniquingKeysWith: { _, last in last })
        }
        gates = table(document.gates)
        configs = table(document.dynamicConfigs)
        layers = table(document.layers)
    }

    func completed(_ evaluation: Explanation.Evaluation) -> Explanation.Evaluation {
        var evaluation = evaluation
        let rules = spec(evaluation)?.rules ?? []
        evaluation.rules = evaluation.rules.enumerated().map { index, rule in
            completed(rule, index < rules.count ? rules[index] : nil)
        }
        evaluation.mappings = evaluation.mappings.map { mapping in
            var mapping = mapping
            mapping.rule = mapping.rule.map { completed($0, nil) }
            mapping.evaluation = mapping.evaluation.map(completed)
            return mapping
        }
        evaluation.targeting = evaluation.targeting.map(completed)
        return evaluation
    }

    private func spec(_ evaluation: Explanation.Evaluation) -> Spec? {
        switch evaluation.kind {
        case "gate", "segment", "holdout": gates[ExactText(evaluation.name)]
        case "layer": layers[ExactText(evaluation.name)]
        default: configs[ExactText(evaluation.name)]
        }
    }

    /// `source` counts only if it is the same rule; two specs of one name would have different ones.
    private func completed(_ rule: Explanation.Rule, _ source: Rule?) -> Explanation.Rule {
        var rule = rule
        let source = source.flatMap { $0.id.isExactly(rule.id) ? $0 : nil }
        if let source {
            rule.name = source.name
            if let percentage = rule.share?.percentage, abs(percentage - source.passPercentage.doubleValue) < 1e-9 {
                rule.share?.percentage = source.passPercentage.doubleValue
            }
        }
        rule.conditions = rule.conditions.enumerated().map { index, condition in
            completed(condition, source.flatMap { index < $0.conditions.count ? $0.conditions[index] : nil })
        }
        rule.delegate = rule.delegate.map(completed)
        return rule
    }

    private func completed(
        _ condition: Explanation.Condition,
        _ reference: ConditionReference?
    ) -> Explanation.Condition {
        var condition = condition
        condition.asked = condition.asked.map(completed)
        guard let reference else { return condition }
        guard let source = document.condition(reference) else {
            if case .id(let id) = reference { condition.targetValue = .string(id) }
            return condition
        }
        // What nobody knows is compiled to just that.
        guard condition.type == source.type || condition.type == "unsupported" else { return condition }
        condition.type = source.type
        if condition.type != "public" {
            condition.operator = source.operator
            condition.targetValue = source.targetValue
            condition.field = condition.field ?? source.field
        }
        return condition
    }
}
