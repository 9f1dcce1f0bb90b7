// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// The algorithm, member for member as the reference of the Rust core describes it. The user and the surroundings are
// borrowed all the way down: nothing of them is retained on the common path.
extension Ruleset {
    /// Evaluates the entity at `index` (-1: there is none of that name) into `outcome`.
    func evaluate(
        _ index: Int32,
        named name: String,
        as kind: Kind,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) {
        if session.isTraced { traceEntry(index, name, kind, session) }
        defer { if session.isTraced { traceExit(kind, outcome, session) } }
        if !session.ignoresOverrides, let overrides = surroundings.overrides,
            apply(overrides, to: name, as: kind, for: user, into: &outcome)
        {
            return
        }
        if !mappings.isEmpty, index < 0 || specs[Int(index)].hasMappings, let mapped = mappings[ExactText(name)],
            evaluate(mapped, as: kind, for: user, in: surroundings, &session, into: &outcome)
        {
            return
        }
        if kind == .experiment, !bandits.isEmpty, let bandit = bandits[ExactText(name)] {
            evaluate(bandit, for: user, in: surroundings, &session, into: &outcome)
            return
        }
        guard index >= 0 else {
            outcome.status = .unrecognized
            return
        }
        let spec = specs[Int(index)]
        if outcome.idType.index < 0 { outcome.idType = spec.idType }
        if outcome.version == nil { outcome.version = spec.version }
        if let isActive = spec.isActive { outcome.isActive = isActive }
        if let isInLayer = spec.isInLayer { outcome.isInLayer = isInLayer }
        if spec.explicitParameters >= 0 { outcome.explicitParameters = spec.explicitParameters }
        if spec.forwardsAllExposures { outcome.forwardsAll = true }
        if kind == .layer, spec.usesNewLayerEvaluation {
            evaluateMerging(spec, for: user, in: surroundings, &session, into: &outcome)
            return
        }
        evaluateRules(of: spec, at: index, for: user, in: surroundings, &session, into: &outcome)
    }

    private func evaluateRules(
        of spec: CompiledSpec,
        at specIndex: Int32,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) {
        for index in spec.rules.places {
            let rule = rules[index]
            run(rule, for: user, in: surroundings, &session, into: &outcome)
            if session.isTooDeep { return }
            if outcome.isUnsupported {
                outcome.endUnsupported()
                outcome.value = .unset
                return
            }
            if !outcome.bool { continue }
            if rule.delegate >= 0 {
                delegate(to: rule.delegate, for: user, in: surroundings, &session, into: &outcome)
                return
            }
            let passes = passes(rule, for: user.storage)
            if session.isTraced { traceShare(rule, user, session) }
            outcome.answer = answer(Decision(rule: Int32(index), passes: passes), of: specIndex)
            if passes {
                outcome.value = .pooled(rule.returnValue)
                outcome.bool = !rule.returnsFalse
            } else {
                outcome.value = .pooled(spec.defaultValue)
                outcome.bool = spec.defaultIsTrue
            }
            outcome.ruleID = rule.id
            outcome.groupName = rule.groupName
            outcome.isExperimentGroup = rule.isExperimentGroup
            outcome.isActive = spec.isActive ?? false
            outcome.samplingRate = rule.samplingRate
            return
        }
        outcome.value = .pooled(spec.defaultValue)
        outcome.bool = spec.defaultIsTrue
        outcome.ruleID = spec.isEnabled ? .default : .disabled
        outcome.answer = answer(.none, of: specIndex)
    }

    /// Evaluates the experiment at `index` in the same state; id type and version stay what they are.
    func delegate(
        to index: Int32,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) {
        guard session.delegations < Session.maximalDelegation else {
            session.isTooDeep = true
            return
        }
        let spec = specs[Int(index)]
        let exposures = outcome.exposures
        outcome.setExtras { $0.undelegated = exposures }
        outcome.bool = false
        session.delegations += 1
        evaluate(
            index,
            named: texts[Int(spec.name.index)],
            as: .experiment,
            for: user,
            in: surroundings,
            &session,
            into: &outcome
        )
        session.delegations -= 1
        if session.isTooDeep { return }
        outcome.explicitParameters = spec.explicitParameters
        outcome.delegate = spec.name
    }

    /// Runs all conditions of `rule`, also after one failed, and leaves in `outcome.bool` whether all passed.
    func run(
        _ rule: CompiledRule,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) {
        var all = true
        if session.isTraced { traceRule(rule, session) }
        for position in rule.conditions.places {
            let index = ruleConditions[position]
            guard index >= 0 else {
                if session.isTraced { traceMissingCondition(session) }
                outcome.isUnsupported = true
                return
            }
            if session.isTraced { traceCondition(conditions[Int(index)], user, session) }
            evaluate(conditions[Int(index)], for: user, in: surroundings, &session, into: &outcome)
            if session.isTooDeep { return }
            if session.isTraced { traceVerdict(outcome, session) }
            if !outcome.bool { all = false }
        }
        outcome.bool = all
        if session.isTraced { traceRuleEnd(outcome, session) }
    }

    /// Whether `rule` lets the user's unit through.
    @inline(__always)
    func passes(_ rule: CompiledRule, for user: UserStorage) -> Bool {
        switch rule.share {
        case .everyone: true
        case .nobody: false
        case .below(let threshold, let salt): Double(hash(salt, rule.unit, of: user) % 10_000) < threshold
        }
    }

    /// The hash of a salt and the user's unit ID; a missing one counts as the empty text.
    @inline(__always)
    func hash(_ salt: Extent, _ unit: UnitIndex, of user: UserStorage) -> UInt64 {
        let salt = UnsafeBufferPointer(rebasing: saltBytes.buffer[salt.places])
        if unit.index == 0 { return SHA256.prefix(salt, user.text(.userID)) }
        return hash(salt, otherUnit: unit, of: user)
    }

    private func hash(_ salt: UnsafeBufferPointer<UInt8>, otherUnit unit: UnitIndex, of user: UserStorage) -> UInt64 {
        let text = self.unit(unit, of: user).flatMap { AttributeText.text(of: $0) } ?? ""
        return UnsafeBufferPointer.reading(text) { SHA256.prefix(salt, $0) }
    }

    /// The user's unit ID of a type; nil if the user lacks it.
    func unit(_ unit: UnitIndex, of user: UserStorage) -> JSONValue? {
        guard unit.index > 0 else { return user.userID }
        let type = unitTypes[Int(unit.index)]
        return user.customIDs[type.name] ?? user.customIDs[type.lowercased]
    }

    /// Asks a gate on the way: its answer goes into `outcome.bool`, its exposures and its own are appended.
    func nested(
        _ index: Int32,
        _ name: TextIndex,
        isHidden: Bool,
        isNegated: Bool,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) {
        let answer: Session.Memo
        // The core remembers nothing of gates at other depths, so what would be too deep here is evaluated again.
        if let memo = session.rare?.memo[name], session.nesting + memo.height <= Session.maximalNesting {
            answer = memo
            if session.isTraced { traceMemo(index, name, memo, session) }
            session.deepest = max(session.deepest, session.nesting + memo.height)
        } else {
            guard session.nesting < Session.maximalNesting else {
                session.isTooDeep = true
                return
            }
            var inner = Outcome()
            let (deepest, forgiven) = (session.deepest, session.forgiven)
            session.nesting += 1
            session.deepest = session.nesting
            evaluate(
                index,
                named: texts[Int(name.index)],
                as: .gate,
                for: user,
                in: surroundings,
                &session,
                into: &inner
            )
            session.nesting -= 1
            if session.isTooDeep { return }
            answer = Session.Memo(inner, height: session.deepest - session.nesting)
            session.deepest = max(session.deepest, deepest)
            if name != .empty, session.forgiven == forgiven { session.makeRare().memo[name] = answer }
        }
        outcome.exposures += answer.exposures
        guard outcome.exposures.count < Session.maximalExposures else {
            session.isTooDeep = true
            session.isHopeless = true
            return
        }
        if answer.isUnsupported {
            outcome.isUnsupported = true
            return
        }
        outcome.bool = answer.bool
        outcome.ruleID = answer.ruleID
        if !isHidden, outcome.ruleID != .empty {
            outcome.exposures.append(
                SecondaryExposure(
                    gate: texts[Int(name.index)],
                    value: outcome.bool,
                    ruleID: texts[Int(outcome.ruleID.index)]
                )
            )
        }
        if isNegated { outcome.bool.toggle() }
    }
}
