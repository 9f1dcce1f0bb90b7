// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

/// An experiment's answer for one user.
public struct Experiment: Sendable, Hashable, Parameters {
    /// The name that was asked for.
    public var name: String
    /// All parameters; empty for an unknown experiment.
    public var value: JSONObject
    /// The rule that decided, `default`, `disabled`, `override`, or empty for an unknown experiment.
    public var ruleID: String
    /// The group that the user is in; nil outside all groups.
    public var groupName: String?
    /// The experiment's kind of unit; empty if unknown.
    public var idType: String
    /// Whether the experiment is running.
    public var isActive: Bool
    /// Whether the user is in one of its groups.
    public var isUserInExperiment: Bool
    /// Why, and on which specs.
    public var details: EvaluationDetails

    init(_ name: String, _ evaluation: ConfigEvaluation) {
        self.name = name
        self.value = evaluation.value ?? JSONObject()
        self.ruleID = evaluation.ruleID
        self.groupName = evaluation.groupName
        self.idType = evaluation.idType
        self.isActive = evaluation.isExperimentActive
        self.isUserInExperiment = evaluation.isUserInExperiment
        self.details = evaluation.details
    }

    /// Reads one parameter; see `Parameters`.
    public func value<Value>(of name: String, _ read: (JSONValue) -> Value?) -> Value? { value[name].flatMap(read) }

    /// The parameters' names.
    public var names: [String] { value.names }
}
