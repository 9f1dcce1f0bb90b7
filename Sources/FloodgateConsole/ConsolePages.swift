// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import Mustache

/// The console's pages: pure functions from what is current to HTML.
package struct ConsolePages: Sendable {
    private let library: MustacheLibrary

    /// Reads the embedded templates once, for any number of pages.
    package init() { self.library = PageTemplates.library() }

    /// `/`: everything there is, and what arrives.
    package func overview(
        _ entities: [Entity],
        live: [ArrivedEvent],
        after position: Int64 = 0,
        frame: PageFrame
    ) -> String {
        let page = OverviewPage(entities: entities, live: live, after: position, frame: frame)
        return render("overview", page, frame, title: "Overview")
    }

    /// A gate, config, experiment or layer in full.
    package func entity(_ content: EntityContent, frame: PageFrame) -> String {
        render("entity", EntityPage(content, frame: frame), frame, title: content.entity.name)
    }

    /// `/live`: what arrives.
    package func live(
        _ events: [ArrivedEvent],
        after position: Int64 = 0,
        content: LiveContent = LiveContent(),
        frame: PageFrame
    ) -> String {
        let panel = LivePanel(events, isFull: true, after: position, filter: content.filter, frame: frame)
        let page = LivePage(content, live: panel, frame: frame)
        return render("live", page, frame, title: "Live")
    }

    /// `/fleet`: which instances answer from which version.
    package func fleet(_ content: FleetContent, frame: PageFrame) -> String {
        render("fleet", FleetPage(content, frame: frame), frame, title: "Fleet")
    }

    /// `/audit`: who changed what.
    package func audit(_ records: [AuditRecord], frame: PageFrame) -> String {
        render(
            "audit",
            AuditPage(history: HistoryView(records, namesEntity: true, frame: frame)),
            frame,
            title: "Audit"
        )
    }

    /// A page that only says something, such as that there is no such page.
    package func message(status: Int, title: String, text: String, frame: PageFrame) -> String {
        render("message", MessagePage(status: status, messageText: text), frame, title: title)
    }

    private func render(_ template: String, _ page: some Sendable, _ frame: PageFrame, title: String) -> String {
        let layers: [Any] = [FrameView(frame, title: title), page]
        return library.render(Stack(layers: layers), withTemplate: template) ?? ""
    }
}

/// Looks names up in the page first and then in the frame around it.
private struct Stack: MustacheParent {
    let layers: [Any]

    func child(named name: String) -> Any? {
        for layer in layers.reversed() {
            for child in Mirror(reflecting: layer).children where child.label == name {
                let mirror = Mirror(reflecting: child.value)
                return mirror.displayStyle == .optional ? mirror.children.first?.value : child.value
            }
        }
        return nil
    }
}

private struct AuditPage: Sendable {
    let history: HistoryView
}

private struct MessagePage: Sendable {
    let status: Int
    let messageText: String
}
