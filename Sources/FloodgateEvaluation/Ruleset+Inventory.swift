// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a document holds, for those who hand it on.
extension Ruleset {
    /// How many gates, configs, experiments and layers there are, with segments and holdouts.
    package var entityCount: Int { gateSpecs.count + configSpecs.count + layerSpecs.count }

    /// Names of gates that are switched off.
    package var disabledGateNames: [String] {
        gateSpecs.filter { !specs[Int($0)].isEnabled }.map { text(specs[Int($0)].name) }
    }
}
