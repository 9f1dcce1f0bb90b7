// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

extension Ruleset {
    /// Whether one of `exposures` is of a gate that is not sampled, and so is whatever it was asked for.
    ///
    /// Asked after the fact, and only where a document samples at all: evaluation itself pays nothing for it. A gate that
    /// the document does not know, or that was decided by a rule without an id, leaves no exposure and is missed here.
    package func asksUnsampledGate(_ exposures: [SecondaryExposure]) -> Bool {
        exposures.contains { exposure in
            let index = gateTable.find(exposure.gate)
            guard index >= 0 else { return true }
            let rules = specs[Int(index)].rules.places.lazy.map { self.rules[$0] }
            let rule = rules.first { self.text($0.id).isExactly(exposure.ruleID) }
            return rule?.samplingRate == nil
        }
    }
}
