// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// Takes down what one evaluation does, as the full path tells it, in the order in which it happens.
final class TraceRecorder {
    /// Entities within one another that are shown; a reader of the JSON form must be able to take them.
    static let maximalDepth = 80
    /// Conditions that are shown; documents can be made that ask far more.
    static let maximalConditions = 100_000

    /// An entity that is being evaluated, and where in it the evaluation stands.
    private struct Frame {
        var evaluation: Explanation.Evaluation
        var mapping: Explanation.Mapping?
        var rule: Explanation.Rule?
        var condition: Explanation.Condition?
    }

    private var frames: [Frame] = []
    /// How many entities are being evaluated that are not shown.
    private var hidden = 0
    private var conditionCount = 0
    /// The finished trace.
    private(set) var trace: Explanation.Evaluation?

    /// Changes the innermost frame, if it is shown.
    private func change(_ body: (inout Frame) -> Void) {
        guard hidden == 0, !frames.isEmpty else { return }
        body(&frames[frames.count - 1])
    }

    // MARK: Entities

    /// An entity begins.
    func enter(_ evaluation: Explanation.Evaluation) {
        guard hidden == 0, frames.count < Self.maximalDepth, conditionCount < Self.maximalConditions else {
            change { $0.evaluation.isCut = true }
            hidden += 1
            return
        }
        change { frame in
            // A mapping's own rule is done when its new name is asked.
            if frame.condition == nil, frame.mapping != nil { Self.closeRule(&frame) }
        }
        frames.append(Frame(evaluation: evaluation))
    }

    /// The entity is done.
    func leave(_ finish: (inout Explanation.Evaluation) -> Void) {
        guard hidden == 0 else {
            hidden -= 1
            return
        }
        guard var frame = frames.popLast() else { return }
        Self.closeMapping(&frame)
        finish(&frame.evaluation)
        guard !frames.isEmpty else {
            trace = frame.evaluation
            return
        }
        attach(frame.evaluation)
    }

    /// A gate's answer is known from before.
    func recall(_ evaluation: Explanation.Evaluation) {
        guard hidden == 0, !frames.isEmpty else { return }
        attach(evaluation)
    }

    private func attach(_ inner: Explanation.Evaluation) {
        change { frame in
            if frame.condition != nil {
                frame.condition?.asked.append(inner)
            } else if frame.rule != nil {
                frame.rule?.delegate.append(inner)
            } else if frame.mapping != nil {
                frame.mapping?.evaluation.append(inner)
            } else {
                frame.evaluation.targeting.append(inner)
            }
        }
    }

    // MARK: Parts of an entity

    func begin(_ mapping: Explanation.Mapping) {
        change { frame in
            Self.closeMapping(&frame)
            frame.mapping = mapping
        }
    }

    /// No mapping applies; the entity's own rules follow.
    func endMappings() { change { Self.closeMapping(&$0) } }

    func begin(_ rule: Explanation.Rule) {
        change { frame in
            Self.closeRule(&frame)
            frame.rule = rule
        }
    }

    /// All conditions of the rule were tried.
    func endConditions(passed: Bool, isUnsupported: Bool) {
        change { $0.rule?.verdict = isUnsupported ? .unsupported : passed ? .passed : .failed }
    }

    func begin(_ make: () -> Explanation.Condition) {
        change { $0.condition = make() }
        if hidden == 0 { conditionCount += 1 }
    }

    /// The condition is done, for all that the outcome so far says.
    func endCondition(passed: Bool, isUnsupported: Bool) {
        change { frame in
            guard var condition = frame.condition else { return }
            // One that is unsupported marks the outcome for the rest of the rule, so that a gate must say itself.
            let isGate = condition.type.hasSuffix("_gate")
            if isGate, condition.asked.first.map({ $0.status == .unsupported }) ?? isUnsupported {
                condition.verdict = .unsupported
            }
            if condition.verdict == .unfinished { condition.verdict = passed ? .passed : .failed }
            frame.condition = nil
            frame.rule?.conditions.append(condition)
        }
    }

    /// The condition's left value is known.
    func look(_ fill: (inout Explanation.Condition) -> Void) {
        change { frame in
            guard var condition = frame.condition else { return }
            frame.condition = nil
            fill(&condition)
            frame.condition = condition
        }
    }

    func note(_ share: @autoclosure () -> Explanation.Share) {
        change { $0.rule?.share = share() }
    }

    func note(_ choice: @autoclosure () -> Explanation.Choice) {
        change { $0.evaluation.choice = choice() }
    }

    // MARK: Closing

    private static func closeRule(_ frame: inout Frame) {
        guard var rule = frame.rule else { return }
        if let condition = frame.condition { rule.conditions.append(condition) }
        frame.condition = nil
        frame.rule = nil
        if frame.mapping != nil {
            frame.mapping?.rule = rule
        } else {
            frame.evaluation.rules.append(rule)
        }
    }

    private static func closeMapping(_ frame: inout Frame) {
        closeRule(&frame)
        guard let mapping = frame.mapping else { return }
        frame.mapping = nil
        frame.evaluation.mappings.append(mapping)
    }
}
