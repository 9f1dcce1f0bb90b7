// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// A gate's answer for one user.
public struct GateEvaluation: Sendable, Hashable {
    /// What the evaluation came to, shared by all users that get the same.
    package let answer: Answer
    let extras: AnswerExtras?
    /// Gates that were asked on the way, inner before outer, with duplicates.
    public let secondaryExposures: [SecondaryExposure]
    /// Why, and on which specs.
    public let details: EvaluationDetails

    /// Whether the gate is open.
    public var value: Bool { answer.passed }
    /// The rule that decided, `default`, `disabled`, `override`, or empty.
    public var ruleID: String { answer.ruleID }
    /// The name of the group that the rule makes, if it has one.
    package var groupName: String? { answer.groupName }
    /// The gate's kind of unit; empty if unknown.
    public var idType: String { answer.spec.idType }
    /// The gate's version, if it has one.
    public var version: UInt32? { answer.spec.version }
    /// How exposures are to be logged.
    public var logging: ExposureLogging { ExposureLogging(answer, extras) }
}

/// A dynamic config's or experiment's answer for one user.
public struct ConfigEvaluation: Sendable, Hashable {
    /// What the evaluation came to, shared by all users that get the same.
    package let answer: Answer
    let extras: AnswerExtras?
    /// Gates that were asked on the way, inner before outer, with duplicates.
    public let secondaryExposures: [SecondaryExposure]
    /// Why, and on which specs.
    public let details: EvaluationDetails

    /// The parameters; nil where the specs have no object to give, which typed getters see as empty.
    public var value: JSONObject? { answer.value }
    /// The rule that decided, `default`, `disabled`, `override`, or empty.
    public var ruleID: String { answer.ruleID }
    /// The experiment's group that the user is in.
    public var groupName: String? { answer.groupName }
    /// The spec's kind of unit; empty if unknown.
    public var idType: String { answer.spec.idType }
    /// The spec's version, if it has one.
    public var version: UInt32? { answer.spec.version }
    /// Whether a rule passed.
    public var passed: Bool { answer.passed }
    /// Whether the experiment is running.
    public var isExperimentActive: Bool { answer.isExperimentActive }
    /// Whether the deciding rule is one of the experiment's groups.
    public var isUserInExperiment: Bool { answer.isUserInExperiment }
    /// Parameters that an experiment owns in its layer.
    public var explicitParameters: [String]? { answer.spec.explicitParameters }
    /// How exposures are to be logged.
    public var logging: ExposureLogging { ExposureLogging(answer, extras) }
}

/// A layer's answer for one user; an exposure is due for each parameter that is read, not for the layer.
public struct LayerEvaluation: Sendable, Hashable {
    /// What the evaluation came to, shared by all users that get the same.
    package let answer: Answer
    let extras: AnswerExtras?
    /// Gates that were asked on the way, inner before outer, with duplicates.
    public let secondaryExposures: [SecondaryExposure]
    /// Why, and on which specs.
    public let details: EvaluationDetails

    /// The parameters; nil where the specs have no object to give.
    public var value: JSONObject? { answer.value }
    /// The rule that decided, `default`, `disabled`, `override`, or empty.
    public var ruleID: String { answer.ruleID }
    /// The allocated experiment's group that the user is in.
    public var groupName: String? { answer.groupName }
    /// The layer's kind of unit; empty if unknown.
    public var idType: String { answer.spec.idType }
    /// The layer's version, if it has one.
    public var version: UInt32? { answer.spec.version }
    /// Whether a rule passed.
    public var passed: Bool { answer.passed }
    /// Whether the allocated experiment is running.
    public var isExperimentActive: Bool { answer.isExperimentActive }
    /// Whether the deciding rule is one of the experiment's groups.
    public var isUserInExperiment: Bool { answer.isUserInExperiment }
    /// The experiment that the user was allocated to.
    public var allocatedExperiment: String? { extras?.allocatedExperiment }
    /// Parameters that the allocated experiment owns.
    public var explicitParameters: [String] { answer.spec.explicitParameters ?? [] }
    /// The rule behind each parameter, where the layer merges several (new layer evaluation).
    public var parameterRuleIDs: JSONObject? { extras?.parameterRuleIDs }
    /// Those asked before the user was allocated to an experiment.
    public var undelegatedSecondaryExposures: [SecondaryExposure] { extras?.undelegated ?? [] }
    /// How exposures are to be logged.
    public var logging: ExposureLogging { ExposureLogging(answer, extras) }
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

extension ExposureLogging {
    init(_ answer: Answer, _ extras: AnswerExtras?) {
        self.init(
            samplingRate: answer.samplingRate,
            forwardsAll: answer.spec.forwardsAll,
            overrideConfigName: extras?.mappedTo
        )
    }
}

/// What checks of all kinds come to, for those that treat them alike.
package typealias Evaluation = LayerEvaluation

extension LayerEvaluation {
    /// A gate's evaluation, seen without its kind.
    @inline(__always)
    package init(_ gate: GateEvaluation) {
        answer = gate.answer
        extras = gate.extras
        secondaryExposures = gate.secondaryExposures
        details = gate.details
    }

    /// A config's evaluation, seen without its kind.
    @inline(__always)
    package init(_ config: ConfigEvaluation) {
        answer = config.answer
        extras = config.extras
        secondaryExposures = config.secondaryExposures
        details = config.details
    }

    /// What a ready answer comes to.
    package init(ready answer: Answer, _ details: EvaluationDetails) {
        self.answer = answer
        extras = nil
        secondaryExposures = []
        self.details = details
    }

    /// Whether there is no more to it than the answer and the details.
    package var isReady: Bool { extras == nil && secondaryExposures.isEmpty }

    /// A layer's evaluation, seen without its kind.
    @inline(__always)
    package init(_ layer: LayerEvaluation) { self = layer }
}

// Parameters by kind, read in place.
extension ConfigEvaluation {
    /// The text of a parameter; nil also where it is of another type.
    package func text(_ name: String) -> String? { answer.parameters.text(name) }

    /// The boolean of a parameter; nil also where it is of another type.
    package func flag(_ name: String) -> Bool? { answer.parameters.flag(name) }

    /// The number of a parameter; nil also where it is of another type.
    package func number(_ name: String) -> JSONNumber? { answer.parameters.number(name) }

    /// The integer of a parameter; nil also where it was written with a fraction, or is of another type.
    package func integer(_ name: String) -> Int? {
        guard case .integer(let integer) = answer.parameters.number(name) else { return nil }
        return Int(exactly: integer)
    }
}
