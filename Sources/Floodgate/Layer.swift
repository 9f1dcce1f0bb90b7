// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

/// A layer's answer for one user; reading a parameter logs the exposure of that parameter.
///
/// A parameter that is missing, or of another type than asked for, gives the default and logs nothing.
public struct Layer: Sendable, Parameters {
    /// The name that was asked for.
    public let name: String
    /// The rule that decided, `default`, `disabled`, `override`, or empty for an unknown layer.
    public let ruleID: String
    /// The group of the allocated experiment that the user is in.
    public let groupName: String?
    /// The layer's kind of unit; empty if unknown.
    public let idType: String
    /// The experiment that the user was allocated to.
    public let allocatedExperiment: String?
    /// Whether that experiment is running.
    public let isExperimentActive: Bool
    /// Whether the user is in one of its groups.
    public let isUserInExperiment: Bool
    /// Why, and on which specs.
    public let details: EvaluationDetails
    /// The parameters' names.
    public let names: [String]

    let version: UInt32?
    let values: JSONObject
    private let expose: @Sendable (String) -> Void

    init(_ name: String, _ evaluation: LayerEvaluation, expose: @escaping @Sendable (String) -> Void) {
        self.name = name
        self.ruleID = evaluation.ruleID
        self.groupName = evaluation.groupName
        self.idType = evaluation.idType
        self.allocatedExperiment = evaluation.allocatedExperiment
        self.isExperimentActive = evaluation.isExperimentActive
        self.isUserInExperiment = evaluation.isUserInExperiment
        self.details = evaluation.details
        self.version = evaluation.version
        self.values = evaluation.value ?? JSONObject()
        self.names = values.names
        self.expose = expose
    }

    /// Reads one parameter and logs its exposure; see `Parameters`.
    public func value<Value>(of name: String, _ read: (JSONValue) -> Value?) -> Value? {
        guard let value = values[name].flatMap(read) else { return nil }
        expose(name)
        return value
    }
}
