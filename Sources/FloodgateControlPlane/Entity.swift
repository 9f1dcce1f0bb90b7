// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
package import FloodgateSpecs

/// One authored gate, segment, holdout, dynamic config, experiment, autotune or layer, and who changed it when.
package struct Entity: Sendable, Hashable {
    /// What it is.
    package var kind: EntityKind
    /// The spec as authored; its conditions are written out, so that it stands alone.
    package var spec: Spec
    /// Whether it was switched off, which keeps the authored rules for the day it is switched on again.
    package var isSwitchedOff: Bool
    /// The project's change that made this state; rises with each change, equal for entities changed together.
    package var revision: Int64
    /// When it came to be, in Unix milliseconds.
    package var createdTime: Int64
    /// When it last changed, in Unix milliseconds.
    package var modifiedTime: Int64
    /// Who changed it last.
    package var modifiedBy: String

    package init(
        kind: EntityKind,
        spec: Spec,
        isSwitchedOff: Bool = false,
        revision: Int64,
        createdTime: Int64,
        modifiedTime: Int64,
        modifiedBy: String
    ) {
        self.kind = kind
        self.spec = spec
        self.isSwitchedOff = isSwitchedOff
        self.revision = revision
        self.createdTime = createdTime
        self.modifiedTime = modifiedTime
        self.modifiedBy = modifiedBy
    }

    /// The name that SDKs ask for.
    package var name: String { spec.name }

    /// Where it stands in the document.
    package var reference: EntityReference { EntityReference(section: kind.section, name: spec.name) }

    /// The name for audit records and messages, such as `gate:new_checkout`.
    package var label: String { "\(kind.rawValue):\(spec.name)" }

    /// What the author wrote about it, if anything.
    package var description: String { spec.others["description"]?.stringValue ?? "" }

    /// Whether it is neither switched off nor published as disabled.
    package var isEnabled: Bool { spec.isEnabled && !isSwitchedOff }

    /// What SDKs get: the spec as it is, or without rules if it is switched off.
    ///
    /// Statsig's Rust core runs the rules of a disabled spec, so `enabled: false` alone would switch nothing off.
    package var published: Spec {
        guard isSwitchedOff else { return spec }
        var spec = spec
        spec.isEnabled = false
        spec.rules = []
        return spec
    }

    /// The state for audit records.
    var json: JSONValue {
        .object(["kind": .string(kind.rawValue), "switched_off": .bool(isSwitchedOff), "spec": spec.json])
    }
}
