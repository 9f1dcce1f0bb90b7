// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import Mustache

/// The embedded templates.
package enum PageTemplates {
    /// The sources by the names that partials use.
    package static let sources: [String: [UInt8]] = [
        "layout": PackageResources.layout_mustache,
        "overview": PackageResources.overview_mustache,
        "entity": PackageResources.entity_mustache,
        "live": PackageResources.live_mustache,
        "fleet": PackageResources.fleet_mustache,
        "audit": PackageResources.audit_mustache,
        "message": PackageResources.message_mustache,
        "switch": PackageResources.switch_mustache,
        "live_panel": PackageResources.live_panel_mustache,
        "fleet_edges": PackageResources.fleet_edges_mustache,
        "history": PackageResources.history_mustache,
    ]

    /// All templates, parsed; one that does not parse is left out, which the tests notice.
    package static func library() -> MustacheLibrary {
        ScalarEscaping.register()
        var library = MustacheLibrary()
        for (name, source) in sources {
            let text = ScalarEscaping.pragma + String(decoding: source, as: UTF8.self)
            do {
                try library.register(text, named: name)
            } catch {
                assertionFailure("The template \(name) does not parse: \(error)")
            }
        }
        return library
    }
}
