// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateSpecs

/// What an authored entity is; the spelling is that of routes, audit records and the command line.
package enum EntityKind: String, Sendable, CaseIterable {
    case gate, segment, holdout
    case dynamicConfig = "dynamic_config"
    case experiment, autotune, layer

    /// The kind that a spec's `entity` names, or nil.
    package init?(entity: String) {
        if entity == "feature_gate" {
            self = .gate
        } else if entity == "gate" {
            return nil
        } else {
            self.init(rawValue: entity)
        }
    }

    /// What a spec's `entity` says.
    package var entity: String { self == .gate ? "feature_gate" : rawValue }

    /// The part of the document that holds such entities.
    package var section: EntitySection {
        switch self {
        case .gate, .segment, .holdout: .gates
        case .dynamicConfig, .experiment, .autotune: .configs
        case .layer: .layers
        }
    }

    /// The kind in running text, after "a" or "an".
    package var phrase: String {
        switch self {
        case .gate: "a gate"
        case .segment: "a segment"
        case .holdout: "a holdout"
        case .dynamicConfig: "a dynamic config"
        case .experiment: "an experiment"
        case .autotune: "an autotune"
        case .layer: "a layer"
        }
    }
}

/// A part of the config-specs document; a name occurs once in each.
package enum EntitySection: String, Sendable, CaseIterable {
    case gates = "feature_gates"
    case configs = "dynamic_configs"
    case layers = "layer_configs"

    var path: WritableKeyPath<SpecDocument, [Spec]> {
        switch self {
        case .gates: \.gates
        case .configs: \.dynamicConfigs
        case .layers: \.layers
        }
    }

    /// Place among the sections of a document.
    var order: Int {
        switch self {
        case .gates: 0
        case .configs: 1
        case .layers: 2
        }
    }
}

/// Which entity is meant.
package struct EntityReference: Sendable, Hashable, Comparable {
    /// The part of the document in which the name is unique.
    package var section: EntitySection
    /// The name that SDKs ask for.
    package var name: String

    package init(section: EntitySection, name: String) {
        self.section = section
        self.name = name
    }

    package static func < (left: EntityReference, right: EntityReference) -> Bool {
        (left.section.order, left.name) < (right.section.order, right.name)
    }
}
