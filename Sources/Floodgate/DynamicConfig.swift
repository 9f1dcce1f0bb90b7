// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

/// A dynamic config's answer for one user.
public struct DynamicConfig: Sendable, Hashable, Parameters {
    /// The name that was asked for.
    public var name: String
    /// All parameters; empty for an unknown config.
    public var value: JSONObject
    /// The rule that decided, `default`, `disabled`, `override`, or empty for an unknown config.
    public var ruleID: String
    /// The config's kind of unit; empty if unknown.
    public var idType: String
    /// Why, and on which specs.
    public var details: EvaluationDetails

    init(_ name: String, _ evaluation: ConfigEvaluation) {
        self.name = name
        self.value = evaluation.value ?? JSONObject()
        self.ruleID = evaluation.ruleID
        self.idType = evaluation.idType
        self.details = evaluation.details
    }

    /// Reads one parameter; see `Parameters`.
    public func value<Value>(of name: String, _ read: (JSONValue) -> Value?) -> Value? { value[name].flatMap(read) }

    /// The parameters' names.
    public var names: [String] { value.names }
}
