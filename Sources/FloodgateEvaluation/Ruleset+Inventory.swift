// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a document holds, for those who hand it on.
extension Ruleset {
    /// How many gates, configs, experiments and layers there are, with segments and holdouts.
    package var entityCount: Int { gateSpecs.count + configSpecs.count + layerSpecs.count }

    /// The most rules that one of them has.
    package var mostRules: Int { specs.buffer.map { Int($0.rules.end - $0.rules.start) }.max() ?? 0 }

    /// The most conditions that one of them has, in all of its rules.
    package var mostConditions: Int {
        specs.buffer.map { spec in
            (spec.rules.start..<spec.rules.end).reduce(0) { count, rule in
                let conditions = rules[Int(rule)].conditions
                return count + Int(conditions.end - conditions.start)
            }
        }.max() ?? 0
    }

    /// Names of gates that are switched off.
    package var disabledGateNames: [String] {
        gateSpecs.filter { !specs[Int($0)].isEnabled }.map { text(specs[Int($0)].name) }
    }
}
