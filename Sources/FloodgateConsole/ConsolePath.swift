// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane

/// Where things stand in the console.
package enum ConsolePath {
    /// The page of an entity, without the path in front.
    package static func page(of kind: EntityKind, name: String) -> String {
        "/\(folder(of: kind))/\(URLText.encoded(name))"
    }

    /// The first part of the path.
    package static func folder(of kind: EntityKind) -> String {
        switch kind {
        case .gate: "gates"
        case .segment: "segments"
        case .holdout: "holdouts"
        case .dynamicConfig: "configs"
        case .experiment, .autotune: "experiments"
        case .layer: "layers"
        }
    }
}

extension EntityKind {
    var title: String {
        switch self {
        case .gate: "Gate"
        case .segment: "Segment"
        case .holdout: "Holdout"
        case .dynamicConfig: "Dynamic config"
        case .experiment: "Experiment"
        case .autotune: "Autotune"
        case .layer: "Layer"
        }
    }

    var plural: String { self == .autotune ? "Autotunes" : title + "s" }
}
