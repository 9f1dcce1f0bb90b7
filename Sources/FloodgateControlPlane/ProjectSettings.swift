// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// What a document holds beside its entities: parameter stores, app IDs, SDK settings and whatever else was imported.
package struct ProjectSettings: Sendable, Hashable {
    /// Top-level members of the document, in their order.
    package var members: JSONObject
    /// Experiments and the layers they live in.
    package var experimentToLayer: [String: String]

    package init(members: JSONObject = JSONObject(), experimentToLayer: [String: String] = [:]) {
        self.members = members
        self.experimentToLayer = experimentToLayer
    }
}
