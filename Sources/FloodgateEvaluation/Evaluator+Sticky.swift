// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// Sticky assignments: the live evaluation comes first and decides what becomes of what is kept.
extension Evaluator {
    /// Evaluates the experiment for `user`, who keeps what was once assigned while the experiment is active.
    /// - Returns: the live answer, or the one that is kept with the reason `persisted`; and what is to be stored now.
    public func experiment(
        _ name: String,
        for user: FloodgateUser,
        sticky: StickyRequest
    ) -> (evaluation: ConfigEvaluation, change: StickyChange) {
        let live = experiment(name, for: user)
        let name = live.extras?.mappedTo ?? name
        // A bandit is there to change its mind.
        guard let ruleset, ruleset.bandits[ExactText(name)] == nil,
            live.details.isAnswered(idType: live.idType, live.extras),
            let key = Self.stickyKey(for: user, idType: live.idType)
        else { return (live, .none) }
        guard let assignments = sticky.assignments, live.isExperimentActive else {
            return (live, .delete(name: name, key: key))
        }
        // Behind a config mapping what is kept is written but never read, as in the Rust core.
        guard live.extras?.mappedTo == nil, let kept = assignments[name] else {
            return (live, live.isUserInExperiment ? .save(StickyValue(live), name: name, key: key) : .none)
        }
        if letsGo(ofExperiment: name, sticky, user) { return (live, .none) }
        let evaluation = ConfigEvaluation(
            answer: kept.answer(idType: live.idType),
            extras: kept.extras,
            secondaryExposures: kept.secondaryExposures,
            details: details(of: kept)
        )
        return (evaluation, .none)
    }

    /// Evaluates the layer for `user`, who keeps what was once assigned while the experiment behind it is active.
    /// - Returns: the live answer, or the one that is kept with the reason `persisted`; and what is to be stored now.
    public func layer(
        _ name: String,
        for user: FloodgateUser,
        sticky: StickyRequest
    ) -> (evaluation: LayerEvaluation, change: StickyChange) {
        let live = layer(name, for: user)
        let name = live.extras?.mappedTo ?? name
        guard let ruleset, live.details.isAnswered(idType: live.idType, live.extras),
            let key = Self.stickyKey(for: user, idType: live.idType)
        else { return (live, .none) }
        // Behind a config mapping what is kept is written but never read, as in the Rust core.
        let kept = live.extras?.mappedTo == nil ? sticky.assignments?[name] : nil
        let isActive = kept?.allocatedExperiment.flatMap(ruleset.isActive(experiment:)) ?? live.isExperimentActive
        guard sticky.assignments != nil, isActive else { return (live, .delete(name: name, key: key)) }
        guard let kept else {
            return (live, live.isUserInExperiment ? .save(StickyValue(live), name: name, key: key) : .none)
        }
        if let delegate = kept.allocatedExperiment, letsGo(ofExperiment: delegate, sticky, user) {
            return (live, .none)
        }
        let evaluation = LayerEvaluation(
            answer: kept.answer(idType: live.idType),
            extras: kept.extras,
            secondaryExposures: kept.secondaryExposures,
            details: details(of: kept)
        )
        return (evaluation, .none)
    }

    /// The key under which storage keeps all of a unit's values, such as `u-9:userID`; nil if the user lacks the unit.
    public static func stickyKey(for user: FloodgateUser, idType: String) -> String? {
        let lowercased = idType.rustLowercased()
        let unit =
            lowercased.isExactly("userid") ? user.userID : user.customIDs[idType] ?? user.customIDs[lowercased]
        return unit.map { (AttributeText.text(of: $0) ?? "") + ":" + idType }
    }

    private func details(of kept: StickyValue) -> EvaluationDetails {
        EvaluationDetails(reason: .persisted, time: kept.time, receivedAt: surroundings.now())
    }

    private func letsGo(ofExperiment name: String, _ sticky: StickyRequest, _ user: FloodgateUser) -> Bool {
        guard sticky.enforcesTargeting || sticky.enforcesOverrides, let ruleset else { return false }
        func answers(_ isAsked: (String) -> Bool) -> Bool {
            ruleset.answers(ofExperiment: name, rules: isAsked, for: user, in: surroundings)
        }
        if sticky.enforcesTargeting,
            answers({ $0.isExactly("targetingGate") || $0.isExactly("inlineTargetingRules") })
        {
            return true
        }
        return sticky.enforcesOverrides && answers { $0.hasByteSuffix("override") }
    }
}

extension EvaluationDetails {
    /// Whether a spec answered: its own rules, or an experiment that it delegates to, which may be overridden.
    fileprivate func isAnswered(idType: String, _ extras: AnswerExtras?) -> Bool {
        switch reason {
        case .noSpecs, .unrecognized, .error: false
        case .localOverride: !idType.isEmpty || extras?.allocatedExperiment != nil
        default: true
        }
    }
}

extension StickyValue {
    fileprivate func answer(idType: String) -> Answer {
        Answer(
            SpecFacts(idType: idType, version: version, forwardsAll: false, explicitParameters: explicitParameters),
            ruleID: ruleID,
            groupName: groupName,
            value: value,
            passed: passed,
            isExperimentActive: true,
            isUserInExperiment: true
        )
    }

    fileprivate var extras: AnswerExtras {
        AnswerExtras(
            allocatedExperiment: allocatedExperiment,
            parameterRuleIDs: nil,
            undelegated: undelegatedSecondaryExposures,
            mappedTo: nil
        )
    }
}

extension Ruleset {
    /// Whether the experiment of this name is running; nil if there is none, or if it does not say.
    fileprivate func isActive(experiment name: String) -> Bool? {
        let index = configTable.find(name)
        return index < 0 ? nil : specs[Int(index)].isActive
    }

    /// What the experiment comes out at if it has only the rules whose ids are asked for.
    fileprivate func answers(
        ofExperiment name: String,
        rules isAsked: (String) -> Bool,
        for user: FloodgateUser,
        in surroundings: Surroundings
    ) -> Bool {
        let index = configTable.find(name)
        guard index >= 0 else { return false }
        let spec = specs[Int(index)]
        var session = Session()
        var outcome = Outcome()
        for place in spec.rules.places where isAsked(text(rules[place].id)) {
            let rule = rules[place]
            run(rule, for: user, in: surroundings, &session, into: &outcome)
            if session.isTooDeep { return false }
            if outcome.isUnsupported { return outcome.bool }
            if !outcome.bool { continue }
            if rule.delegate >= 0 {
                delegate(to: rule.delegate, for: user, in: surroundings, &session, into: &outcome)
                return outcome.bool && !session.isTooDeep
            }
            return passes(rule, for: user.storage) ? !rule.returnsFalse : spec.defaultIsTrue
        }
        return false
    }
}

extension String {
    /// Whether the text ends in the same bytes.
    fileprivate func hasByteSuffix(_ suffix: String) -> Bool {
        utf8.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }
}
