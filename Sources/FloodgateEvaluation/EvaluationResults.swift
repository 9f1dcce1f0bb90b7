// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// A gate's answer for one user.
public struct GateEvaluation: Sendable, Hashable {
    /// Whether the gate is open.
    public var value: Bool
    /// The rule that decided, `default`, `disabled`, `override`, or empty.
    public var ruleID: String
    /// The gate's kind of unit; empty if unknown.
    public var idType: String
    /// The gate's version, if it has one.
    public var version: UInt32?
    /// Gates that were asked on the way, inner before outer, with duplicates.
    public var secondaryExposures: [SecondaryExposure]
    /// Why, and on which specs.
    public var details: EvaluationDetails
    /// How exposures are to be logged.
    public var logging: ExposureLogging
}

/// A dynamic config's or experiment's answer for one user.
public struct ConfigEvaluation: Sendable, Hashable {
    /// The parameters; nil where the specs have no object to give, which typed getters see as empty.
    public var value: JSONObject?
    /// The rule that decided, `default`, `disabled`, `override`, or empty.
    public var ruleID: String
    /// The experiment's group that the user is in.
    public var groupName: String?
    /// The spec's kind of unit; empty if unknown.
    public var idType: String
    /// The spec's version, if it has one.
    public var version: UInt32?
    /// Whether a rule passed.
    public var passed: Bool
    /// Whether the experiment is running.
    public var isExperimentActive: Bool
    /// Whether the deciding rule is one of the experiment's groups.
    public var isUserInExperiment: Bool
    /// Gates that were asked on the way, inner before outer, with duplicates.
    public var secondaryExposures: [SecondaryExposure]
    /// Parameters that an experiment owns in its layer.
    public var explicitParameters: [String]?
    /// Why, and on which specs.
    public var details: EvaluationDetails
    /// How exposures are to be logged.
    public var logging: ExposureLogging
}

/// A layer's answer for one user; an exposure is due for each parameter that is read, not for the layer.
public struct LayerEvaluation: Sendable, Hashable {
    /// The parameters; nil where the specs have no object to give.
    public var value: JSONObject?
    /// The rule that decided, `default`, `disabled`, `override`, or empty.
    public var ruleID: String
    /// The allocated experiment's group that the user is in.
    public var groupName: String?
    /// The layer's kind of unit; empty if unknown.
    public var idType: String
    /// The layer's version, if it has one.
    public var version: UInt32?
    /// Whether a rule passed.
    public var passed: Bool
    /// Whether the allocated experiment is running.
    public var isExperimentActive: Bool
    /// Whether the deciding rule is one of the experiment's groups.
    public var isUserInExperiment: Bool
    /// The experiment that the user was allocated to.
    public var allocatedExperiment: String?
    /// Parameters that the allocated experiment owns.
    public var explicitParameters: [String]
    /// The rule behind each parameter, where the layer merges several (new layer evaluation).
    public var parameterRuleIDs: JSONObject?
    /// Gates that were asked on the way, inner before outer, with duplicates.
    public var secondaryExposures: [SecondaryExposure]
    /// Those asked before the user was allocated to an experiment.
    public var undelegatedSecondaryExposures: [SecondaryExposure]
    /// Why, and on which specs.
    public var details: EvaluationDetails
    /// How exposures are to be logged.
    public var logging: ExposureLogging
}

/// What a document says about logging the exposures of one result.
public struct ExposureLogging: Sendable, Hashable {
    /// Keep one exposure in so many; nil keeps all.
    public var samplingRate: UInt64?
    /// Exempt from sampling.
    public var forwardsAll: Bool
    /// The spec that answered in place of the one that was asked for (config mapping).
    public var overrideConfigName: String?

    /// Makes logging hints.
    public init(samplingRate: UInt64? = nil, forwardsAll: Bool = false, overrideConfigName: String? = nil) {
        self.samplingRate = samplingRate
        self.forwardsAll = forwardsAll
        self.overrideConfigName = overrideConfigName
    }
}
