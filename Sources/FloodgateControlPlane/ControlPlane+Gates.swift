// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

extension ControlPlane {
    /// Switches a gate on or off; its rules wait until it is on again.
    /// - Throws: `.notFound`, naming what is spelled nearly so.
    @discardableResult
    package func setGate(_ name: String, enabled: Bool, by change: Change) async throws(ControlError) -> GateChange {
        let (gate, didChange) = try await perform(by: change) { draft throws(ControlError) in
            let gate = try draft.base.entity(.gate, name)
            if enabled {
                guard !gate.isEnabled else { return gate }
            } else {
                // A disabled gate still runs its rules in Statsig's SDKs: only one without rules is off.
                guard gate.isEnabled || !gate.published.rules.isEmpty else { return gate }
            }
            var spec = gate.spec
            if enabled { spec.isEnabled = true }
            return draft.revise(
                gate,
                to: spec,
                isSwitchedOff: !enabled,
                action: enabled ? "gate_enable" : "gate_disable"
            )
        }
        return GateChange(gate: gate, didChange: didChange)
    }

    /// Sets the share of units that a gate's rule lets through.
    /// - Parameters:
    ///   - name: the gate's.
    ///   - percent: 0…100, with at most four decimals.
    ///   - ruleID: the rule; nil means the gate's only one beside overrides and holdouts, its last one if that is for
    ///     everyone, or a new one for everyone if there is none.
    ///   - change: who wants it, and why.
    /// - Returns: the gate as it is now.
    /// - Throws: `.invalid` for a percentage out of range or if it is not clear which rule is meant, `.notFound` for an
    ///   unknown gate or rule.
    @discardableResult
    package func setRollout(
        gate name: String,
        percent: Double,
        ruleID: String? = nil,
        by change: Change
    ) async throws(ControlError) -> GateChange {
        let percentage = try Rollout.percentage(percent)
        let (gate, didChange) = try await perform(by: change) { draft throws(ControlError) in
            let gate = try draft.base.entity(.gate, name)
            var spec = gate.spec
            switch try Rollout.target(in: gate, ruleID: ruleID, holdouts: draft.base.holdoutNames) {
            case .rule(let index):
                guard spec.rules[index].passPercentage.doubleValue != percent else { return gate }
                spec.rules[index].passPercentage = percentage
            case .newRule:
                var random = RandomBits(bits: self.random)
                let id = SDKKey.token(10, using: &random)
                let salt = SDKKey.token(8, using: &random)
                spec.rules.append(Rollout.everyone(id: id, salt: salt, percentage, of: spec))
            }
            return draft.revise(gate, to: spec, isSwitchedOff: gate.isSwitchedOff, action: "gate_rollout")
        }
        return GateChange(gate: gate, didChange: didChange)
    }
}

extension Draft {
    /// Saves `spec` as the successor of `entity`, with its version raised, and notes it for the audit log.
    mutating func revise(_ entity: Entity, to spec: Spec, isSwitchedOff: Bool, action: String) -> Entity {
        var spec = spec
        let version = spec.version ?? 0
        spec.version = version < UInt32.max ? version + 1 : version
        save(spec, kind: entity.kind, isSwitchedOff: isSwitchedOff)
        let revised = entities[entity.reference] ?? entity
        note(action, entity.label, before: entity.json, after: revised.json)
        return revised
    }
}

extension ControlState {
    /// The holdouts' names.
    package var holdoutNames: Set<String> { Set(entities.values.lazy.filter { $0.kind == .holdout }.map(\.name)) }
}
