// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

extension Evaluator {
    /// Whether the gate is open for `user`: the value alone, without what an exposure needs; false for an unknown gate.
    public func checkGate(_ name: String, for user: FloodgateUser) -> Bool {
        guard let ruleset else { return surroundings.overrides?.gates.value(name, for: user) ?? false }
        var session = Session()
        var outcome = Outcome()
        ruleset.evaluate(
            ruleset.gateTable.find(name),
            named: name,
            as: .gate,
            for: user,
            in: surroundings,
            &session,
            into: &outcome
        )
        return outcome.bool && !session.isTooDeep
    }

    /// Evaluates the gate for `user`; an unknown name is a reason, not an error.
    public func gate(_ name: String, for user: FloodgateUser) -> GateEvaluation {
        let (outcome, details) = evaluate(name, as: .gate, for: user)
        return GateEvaluation(
            value: outcome.bool,
            ruleID: ruleID(outcome),
            idType: text(outcome.idType),
            version: outcome.version,
            secondaryExposures: outcome.exposures,
            details: details,
            logging: outcome.logging
        )
    }

    /// Evaluates the dynamic config, experiment or autotune for `user`, as a config.
    public func dynamicConfig(_ name: String, for user: FloodgateUser) -> ConfigEvaluation {
        config(name, as: .config, for: user)
    }

    /// Evaluates the experiment, dynamic config or contextual bandit for `user`, as an experiment.
    public func experiment(_ name: String, for user: FloodgateUser) -> ConfigEvaluation {
        config(name, as: .experiment, for: user)
    }

    private func config(_ name: String, as kind: Kind, for user: FloodgateUser) -> ConfigEvaluation {
        let (outcome, details) = evaluate(name, as: kind, for: user)
        return ConfigEvaluation(
            value: ruleset?.parameters(outcome) ?? outcome.extras.parameters,
            ruleID: ruleID(outcome),
            groupName: ruleset?.optionalText(outcome.groupName),
            idType: text(outcome.idType),
            version: outcome.version,
            passed: outcome.bool,
            isExperimentActive: outcome.isActive,
            isUserInExperiment: outcome.isExperimentGroup,
            secondaryExposures: outcome.exposures,
            explicitParameters: explicitParameters(outcome),
            details: details,
            logging: outcome.logging
        )
    }

    /// Evaluates the layer for `user`; an exposure is due for each parameter that is then read.
    public func layer(_ name: String, for user: FloodgateUser) -> LayerEvaluation {
        let (outcome, details) = evaluate(name, as: .layer, for: user)
        return LayerEvaluation(
            value: ruleset?.parameters(outcome) ?? outcome.extras.parameters,
            ruleID: ruleID(outcome),
            groupName: ruleset?.optionalText(outcome.groupName),
            idType: text(outcome.idType),
            version: outcome.version,
            passed: outcome.bool,
            isExperimentActive: outcome.isActive,
            isUserInExperiment: outcome.isExperimentGroup,
            allocatedExperiment: ruleset?.optionalText(outcome.delegate),
            explicitParameters: explicitParameters(outcome) ?? [],
            parameterRuleIDs: outcome.extras.parameterRuleIDs,
            secondaryExposures: outcome.exposures,
            undelegatedSecondaryExposures: outcome.extras.undelegated ?? [],
            details: details,
            logging: outcome.logging
        )
    }

    private func evaluate(
        _ name: String,
        as kind: Kind,
        for user: FloodgateUser
    ) -> (Outcome, EvaluationDetails) {
        var outcome = Outcome()
        guard let ruleset else {
            // Overrides answer before there are specs, too; only groups need the experiment's spec.
            if let overrides = surroundings.overrides,
                Self.empty.apply(overrides, to: name, as: kind, for: user, into: &outcome)
            {
                return (outcome, EvaluationDetails(reason: .localOverride))
            }
            return (outcome, EvaluationDetails(reason: .noSpecs(source)))
        }
        var session = Session()
        ruleset.evaluate(
            ruleset.find(name, in: kind.nameSpace),
            named: name,
            as: kind,
            for: user,
            in: surroundings,
            &session,
            into: &outcome
        )
        if session.isTooDeep {
            let reason = EvaluationReason.error(Session.depthMessage)
            return (Outcome(), EvaluationDetails(reason: reason, time: ruleset.time, receivedAt: ruleset.receivedAt))
        }
        outcome.settle()
        let reason: EvaluationReason =
            switch outcome.status {
            case .recognized: .recognized(from: source)
            case .unrecognized: .unrecognized(from: source)
            case .unsupported: .unsupported(from: source)
            case .overridden: .localOverride
            }
        return (
            outcome,
            EvaluationDetails(
                reason: reason,
                time: ruleset.time,
                receivedAt: ruleset.receivedAt,
                usedIDList: session.usedIDList
            )
        )
    }

    /// Stands in where there are no specs yet.
    static let empty = Ruleset(compiling: .init(time: 0), receivedAt: 0)

    private func text(_ index: TextIndex) -> String { (ruleset ?? Self.empty).text(index) }

    private func ruleID(_ outcome: Outcome) -> String { (ruleset ?? Self.empty).ruleID(outcome) }

    private func explicitParameters(_ outcome: Outcome) -> [String]? {
        guard let ruleset, outcome.explicitParameters >= 0 else { return nil }
        return ruleset.textLists[Int(outcome.explicitParameters)]
    }
}

extension Session {
    /// What the Rust core says of gates that are nested too deep or in a circle.
    static let depthMessage = "Statsig Evaluation Depth Exceeded"
}

extension Outcome {
    var logging: ExposureLogging {
        ExposureLogging(samplingRate: samplingRate, forwardsAll: forwardsAll, overrideConfigName: extras.mappedTo)
    }

    /// At the end of a top-level evaluation: what was asked without any delegation is undelegated.
    mutating func settle() {
        if status == .recognized || delegate.index >= 0, !exposures.isEmpty, extras.undelegated == nil {
            let exposures = exposures
            setExtras { $0.undelegated = exposures }
        }
    }
}
