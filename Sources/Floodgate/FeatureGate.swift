// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

/// A gate's answer for one user.
public struct FeatureGate: Sendable, Hashable {
    /// The name that was asked for.
    public var name: String
    /// Whether the gate is open.
    public var value: Bool
    /// The rule that decided, `default`, `disabled`, `override`, or empty for an unknown gate.
    public var ruleID: String
    /// The gate's kind of unit; empty if unknown.
    public var idType: String
    /// Why, and on which specs.
    public var details: EvaluationDetails

    init(_ name: String, _ evaluation: GateEvaluation) {
        self.name = name
        self.value = evaluation.value
        self.ruleID = evaluation.ruleID
        self.idType = evaluation.idType
        self.details = evaluation.details
    }
}
