// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation

/// Why a flag has its value, in OpenFeature's spelling.
@nonexhaustive public enum FlagReason: String, Sendable, CaseIterable {
    /// Nothing about the user mattered: the first rule is for everyone, or the value was fixed in the process.
    case fixed = "STATIC"
    /// No rule held.
    case `default` = "DEFAULT"
    /// A rule held.
    case targetingMatch = "TARGETING_MATCH"
    /// The user's bucket decided: a share of a rule, or a group of an experiment.
    case split = "SPLIT"
    /// A sticky assignment decided.
    case cached = "CACHED"
    /// The spec is switched off.
    case disabled = "DISABLED"
    /// Nobody can say.
    case unknown = "UNKNOWN"
    /// There is a value, from specs that nobody has confirmed for too long.
    case stale = "STALE"
    /// The caller's default was served; the error says why.
    case error = "ERROR"
}

extension FlagReason {
    /// The one table of how an evaluation came out, for every place that speaks OpenFeature.
    /// - Throws: `FlagError` if the evaluation has no value to give.
    package init(_ evaluation: Evaluation) throws(FlagError) {
        switch evaluation.details.reason {
        case .noSpecs(let source): throw FlagError(.providerNotReady, "There are no specs yet: \(source.wireName)")
        case .unrecognized: throw FlagError(.flagNotFound, "The specs do not know the name")
        case .unsupported:
            throw FlagError(.parseError, "The spec has a condition or an operator that this version does not know")
        case .error(let message): throw FlagError(.general, message)
        case .localOverride: self = .fixed
        case .persisted: self = .cached
        case .recognized: self = FlagReason(recognized: evaluation)
        }
    }

    private init(recognized evaluation: Evaluation) {
        self =
            switch (evaluation.ruleID, evaluation.origin) {
            case ("disabled", _): .disabled
            // An experiment that has not begun serves its defaults by the rule "prestart".
            case ("default", _), ("prestart", _), (_, .closedRule): .default
            case (_, .openRule): .fixed
            case (_, .share): .split
            case (_, .conditions): .targetingMatch
            case (_, .several): evaluation.isUserInExperiment ? .split : .targetingMatch
            }
    }
}
