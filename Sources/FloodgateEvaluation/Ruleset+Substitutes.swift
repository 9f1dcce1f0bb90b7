// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// What may answer in place of a spec: local overrides and config mappings.
extension Ruleset {
    /// Answers from a local override of `name`, if there is one for the user; no rule of a config passes then.
    func apply(
        _ overrides: LocalOverrides,
        to name: String,
        as kind: Kind,
        for user: FloodgateUser,
        into outcome: inout Outcome
    ) -> Bool {
        switch kind {
        case .gate:
            guard let value = overrides.gates.value(name, for: user) else { return false }
            outcome.bool = value
        case .config:
            guard let value = overrides.dynamicConfigs.value(name, for: user) else { return false }
            outcome.setParameters(value)
            outcome.bool = false
        case .experiment:
            switch overrides.experiments.value(name, for: user) {
            case nil: return false
            case .value(let value): outcome.setParameters(value)
            case .group(let group): outcome.value = groupValue(group, ofExperiment: name)
            }
            outcome.bool = false
        case .layer:
            guard let value = overrides.layers.value(name, for: user) else { return false }
            outcome.setParameters(value)
            outcome.bool = false
        }
        outcome.ruleID = .override
        outcome.groupName = .none
        outcome.isExperimentGroup = false
        outcome.status = .overridden
        return true
    }

    /// What the first rule with this group's name returns.
    private func groupValue(_ group: String, ofExperiment name: String) -> Outcome.Value {
        rule(ofGroup: group, inExperiment: name).map { .pooled(rules[$0].returnValue) } ?? .unset
    }

    /// Answers from the first mapping whose rule passes and whose new name is recognised.
    func evaluate(
        _ mappings: [CompiledMapping],
        as kind: Kind,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) -> Bool {
        for mapping in mappings {
            for entry in mapping.entries {
                if session.isTraced { traceMapping(mapping, entry, surroundings, session) }
                if entry.startTime > 0, entry.startTime > surroundings.now() { continue }
                // All is tried in the asker's own state and then forgotten with it, as in the Rust core.
                let rule = entry.rule(of: kind.nameSpace)
                run(rule, for: user, in: surroundings, &session, into: &outcome)
                let applies = outcome.bool && !outcome.isUnsupported && !session.isTooDeep
                outcome = Outcome()
                // Gates that are nested too deep only mean that this rule does not pass.
                if session.isTooDeep, !session.forgive() { return true }
                if session.isTraced, applies { traceShare(rule, user, session) }
                guard applies, passes(rule, for: user.storage) else { continue }
                // A mapping that leads back to itself ends here; the Rust core dies of it.
                guard session.mappings < Session.maximalDelegation else {
                    session.isTooDeep = true
                    session.isHopeless = true
                    return true
                }
                outcome.setExtras { $0.mappedTo = mapping.newName }
                session.mappings += 1
                evaluate(
                    find(mapping.newName, in: kind.nameSpace),
                    named: mapping.newName,
                    as: kind,
                    for: user,
                    in: surroundings,
                    &session,
                    into: &outcome
                )
                session.mappings -= 1
                if session.isTooDeep {
                    // The same goes for what the new name answers; a circle of mappings ends the whole evaluation.
                    guard session.forgive() else { return true }
                } else if outcome.status != .unrecognized {
                    return true
                }
                outcome = Outcome()
                break
            }
        }
        if session.isTraced { traceMappingsEnd(session) }
        return false
    }
}
