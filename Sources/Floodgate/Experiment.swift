// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

/// An experiment's answer for one user.
public struct Experiment: Sendable, Hashable, Parameters {
    /// The name that was asked for.
    public let name: String
    /// What the evaluation came to; shared, so that an answer costs no copies of its texts.
    let evaluation: ConfigEvaluation

    /// All parameters; empty for an unknown experiment.
    public var value: JSONObject { evaluation.value ?? JSONObject() }
    /// The rule that decided, `default`, `disabled`, `override`, or empty for an unknown experiment.
    public var ruleID: String { evaluation.ruleID }
    /// The group that the user is in; nil outside all groups.
    public var groupName: String? { evaluation.groupName }
    /// The experiment's kind of unit; empty if unknown.
    public var idType: String { evaluation.idType }
    /// Whether the experiment is running.
    public var isActive: Bool { evaluation.isExperimentActive }
    /// Whether the user is in one of its groups.
    public var isUserInExperiment: Bool { evaluation.isUserInExperiment }
    /// Why, and on which specs.
    public var details: EvaluationDetails { evaluation.details }

    init(_ name: String, _ evaluation: ConfigEvaluation) {
        self.name = name
        self.evaluation = evaluation
    }

    /// Reads one parameter; see `Parameters`.
    public func value<Value>(of name: String, _ read: (JSONValue) -> Value?) -> Value? { value[name].flatMap(read) }

    /// The parameters' names.
    public var names: [String] { value.names }
}

// What `Parameters` says, read without the detour over any type: these four are called for each parameter of each request.
extension Experiment {
    /// The text of `name`.
    public func string(_ name: String, default: String) -> String { evaluation.text(name) ?? `default` }

    /// The boolean of `name`; a number is none.
    public func bool(_ name: String, default: Bool) -> Bool { evaluation.flag(name) ?? `default` }

    /// The integer of `name`; a number that was written with a fraction is none.
    public func int(_ name: String, default: Int) -> Int { evaluation.integer(name) ?? `default` }

    /// The number of `name`, integers included.
    public func double(_ name: String, default: Double) -> Double {
        evaluation.number(name)?.doubleValue ?? `default`
    }
}
