// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

extension Evaluator {
    /// Whether the gate is open for `user`: the value alone, without what an exposure needs; false for an unknown gate.
    public func checkGate(_ name: String, for user: FloodgateUser) -> Bool {
        let index = compiled.find(name, in: .gates)
        if !isOverridden, let spec = compiled.plainSpec(index, as: .gate) {
            return compiled.decideGate(spec, for: user.storage, in: surroundings)
        }
        return checkGateFully(index, name, for: user)
    }

    private func checkGateFully(_ index: Int32, _ name: String, for user: FloodgateUser) -> Bool {
        guard hasSpecs else { return surroundings.overrides?.gates.value(name, for: user) ?? false }
        var session = Session()
        var outcome = Outcome()
        compiled.evaluate(
            index,
            named: name,
            as: .gate,
            for: user,
            in: surroundings,
            &session,
            into: &outcome
        )
        return outcome.bool && !session.isTooDeep
    }

    /// The gate's answer for `user` where one rule alone has a say; nil where it takes a full evaluation.
    ///
    /// Not counted: it lives as long as the evaluator does. Its details are `readyDetails`.
    package func readyGate(_ name: String, for user: FloodgateUser) -> Unmanaged<Answer>? {
        let index = compiled.find(name, in: .gates)
        guard !isOverridden, let spec = compiled.plainSpec(index, as: .gate) else { return nil }
        let decision = compiled.decide(spec, for: user.storage, in: surroundings)
        return .passUnretained(
            compiled.pooledAnswers.answers.pointer(to: compiled.answer(decision, of: index)).pointee
        )
    }

    /// The details of all answers that are ready.
    package var readyDetails: EvaluationDetails {
        EvaluationDetails(reason: .recognized(from: source), time: compiled.time, receivedAt: compiled.receivedAt)
    }

    /// Evaluates the gate for `user`; an unknown name is a reason, not an error.
    public func gate(_ name: String, for user: FloodgateUser) -> GateEvaluation {
        let result = result(name, as: .gate, for: user)
        return GateEvaluation(
            answer: result.answer,
            extras: result.extras,
            secondaryExposures: result.secondaryExposures,
            details: result.details
        )
    }

    /// Evaluates the dynamic config, experiment or autotune for `user`, as a config.
    public func dynamicConfig(_ name: String, for user: FloodgateUser) -> ConfigEvaluation {
        result(name, as: .config, for: user)
    }

    /// Evaluates the experiment, dynamic config or contextual bandit for `user`, as an experiment.
    public func experiment(_ name: String, for user: FloodgateUser) -> ConfigEvaluation {
        result(name, as: .experiment, for: user)
    }

    /// Evaluates the layer for `user`; an exposure is due for each parameter that is then read.
    public func layer(_ name: String, for user: FloodgateUser) -> LayerEvaluation {
        let result = result(name, as: .layer, for: user)
        return LayerEvaluation(
            answer: result.answer,
            extras: result.extras,
            secondaryExposures: result.secondaryExposures,
            details: result.details
        )
    }

    @inline(__always)
    private func result(_ name: String, as kind: Kind, for user: FloodgateUser) -> ConfigEvaluation {
        let index = compiled.find(name, in: kind.nameSpace)
        guard !isOverridden, let spec = compiled.plainSpec(index, as: kind) else {
            guard hasSpecs else { return withoutSpecs(name, as: kind, for: user) }
            return evaluate(index, name, as: kind, for: user, on: compiled)
        }
        let decision = compiled.decide(spec, for: user.storage, in: surroundings)
        return ConfigEvaluation(
            answer: compiled.pooledAnswers.answers.pointer(to: compiled.answer(decision, of: index)).pointee,
            extras: nil,
            secondaryExposures: [],
            details: readyDetails
        )
    }

    /// Overrides answer before there are specs, too; only groups need the experiment's spec.
    func withoutSpecs(_ name: String, as kind: Kind, for user: FloodgateUser) -> ConfigEvaluation {
        var outcome = Outcome()
        var reason = EvaluationReason.noSpecs(source)
        if let overrides = surroundings.overrides,
            Self.empty.apply(overrides, to: name, as: kind, for: user, into: &outcome)
        {
            reason = .localOverride
        }
        return Self.empty.result(&outcome, EvaluationDetails(reason: reason))
    }

    /// The full path; a recorder, if there is one, takes down how the answer comes about.
    func evaluate(
        _ index: Int32,
        _ name: String,
        as kind: Kind,
        for user: FloodgateUser,
        on ruleset: Ruleset,
        recordingInto recorder: TraceRecorder? = nil
    ) -> ConfigEvaluation {
        var outcome = Outcome()
        var session = Session()
        if let recorder { session.record(into: recorder) }
        ruleset.evaluate(
            index,
            named: name,
            as: kind,
            for: user,
            in: surroundings,
            &session,
            into: &outcome
        )
        var details = EvaluationDetails(
            reason: .recognized(from: source),
            time: ruleset.time,
            receivedAt: ruleset.receivedAt
        )
        if session.isTooDeep {
            details.reason = .error(Session.depthMessage)
            outcome = Outcome()
            return ruleset.result(&outcome, details)
        }
        switch outcome.status {
        case .recognized: break
        case .unrecognized: details.reason = .unrecognized(from: source)
        case .unsupported: details.reason = .unsupported(from: source)
        case .overridden: details.reason = .localOverride
        }
        details.usedIDList = session.usedIDList
        return ruleset.result(&outcome, details)
    }
}

extension Ruleset {
    /// What a full evaluation came to, in the form of all results.
    func result(_ outcome: inout Outcome, _ details: EvaluationDetails) -> ConfigEvaluation {
        let answer = answer(of: outcome)
        outcome.settle()
        return ConfigEvaluation(
            answer: answer,
            extras: extras(of: outcome),
            secondaryExposures: outcome.exposures,
            details: details
        )
    }

    private func answer(of outcome: Outcome) -> Answer {
        // One rule alone had a say, so its answer is ready.
        if outcome.answer >= 0, outcome.status == .recognized, !outcome.hasExtras {
            return pooledAnswers.answers[Int(outcome.answer)]
        }
        return Answer(
            SpecFacts(
                idType: text(outcome.idType),
                version: outcome.version,
                forwardsAll: outcome.forwardsAll,
                explicitParameters: outcome.explicitParameters < 0
                    ? nil : textLists[Int(outcome.explicitParameters)]
            ),
            ruleID: ruleID(outcome),
            groupName: optionalText(outcome.groupName),
            value: parameters(outcome),
            passed: outcome.bool,
            isExperimentActive: outcome.isActive,
            isUserInExperiment: outcome.isExperimentGroup,
            origin: origin(of: outcome),
            samplingRate: outcome.samplingRate
        )
    }

    /// What the rule that decided says of it; a layer that merges several has none.
    private func origin(of outcome: Outcome) -> AnswerOrigin {
        guard outcome.answer >= 0, outcome.extras.parameterRuleIDs == nil else { return .several }
        return pooledAnswers.answers[Int(outcome.answer)].origin
    }

    private func extras(of outcome: Outcome) -> AnswerExtras? {
        guard outcome.hasExtras || outcome.delegate.index >= 0 else { return nil }
        let extras = outcome.extras
        return AnswerExtras(
            allocatedExperiment: optionalText(outcome.delegate),
            parameterRuleIDs: extras.parameterRuleIDs,
            undelegated: extras.undelegated,
            mappedTo: extras.mappedTo
        )
    }
}

extension Session {
    /// What the Rust core says of gates that are nested too deep or in a circle.
    static let depthMessage = "Statsig Evaluation Depth Exceeded"
}

extension Outcome {
    /// At the end of a top-level evaluation: what was asked without any delegation is undelegated.
    mutating func settle() {
        if status == .recognized || delegate.index >= 0, !exposures.isEmpty, extras.undelegated == nil {
            let exposures = exposures
            setExtras { $0.undelegated = exposures }
        }
    }
}
