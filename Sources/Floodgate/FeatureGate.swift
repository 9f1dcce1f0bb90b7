// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

/// A gate's answer for one user.
public struct FeatureGate: Sendable, Hashable {
    /// The name that was asked for.
    public let name: String
    /// What the evaluation came to; shared, so that an answer costs no copies of its texts.
    let evaluation: GateEvaluation

    /// Whether the gate is open.
    public var value: Bool { evaluation.value }
    /// The rule that decided, `default`, `disabled`, `override`, or empty for an unknown gate.
    public var ruleID: String { evaluation.ruleID }
    /// The gate's kind of unit; empty if unknown.
    public var idType: String { evaluation.idType }
    /// Why, and on which specs.
    public var details: EvaluationDetails { evaluation.details }

    init(_ name: String, _ evaluation: GateEvaluation) {
        self.name = name
        self.evaluation = evaluation
    }
}
