// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Testing

import FloodgateConsole

@Suite("Fleet page") struct FleetPageTests {
    private static let now: Int64 = 1_772_000_000_000

    private func page(_ content: FleetContent) -> String {
        let frame = PageFrame(place: .fleet, environment: "production", version: "1.2.3", now: Self.now)
        return ConsolePages().fleet(content, frame: frame)
    }

    private func instance(_ name: String, ago: Int64, _ change: (inout FleetContent.Instance) -> Void = { _ in })
        -> FleetContent.Instance
    {
        var instance = FleetContent.Instance(
            id: "0123456789",
            name: name,
            sdk: "py-core 0.9",
            time: Self.now - 600_000,
            lastSeen: Self.now - ago
        )
        change(&instance)
        return instance
    }

    @Test func `says what to do while nobody has reported`() {
        let html = page(FleetContent())
        #expect(html.contains("No instance has reported yet"))
        #expect(html.contains("floodgate edge --upstream URL"))
        #expect(html.contains("href=\"/fleet\" aria-current=\"page\""))
        #expect(!html.contains("<table"))
    }

    @Test func `shows versions with how long they took, and names those that are behind`() {
        var content = FleetContent()
        content.newest = Self.now - 300_000
        (content.live, content.holding) = (40, 37)
        content.versions = [
            .init(time: Self.now - 300_000, instances: 37, delay: .init(p50: 40, p99: 950, p999: 12_000, max: 700_000)),
            .init(time: Self.now - 600_000, instances: 3), .init(time: Self.now - 900_000, instances: 0),
        ]
        content.stragglers = [
            instance("checkout-7", ago: 20_000) { $0.via = ["edge-1", "edge-0"] },
            instance("", ago: 30_000) { $0.time = 0 },
        ]
        let html = page(content)
        #expect(html.contains("37 of 40 live instances on the newest version, published 5 min ago."))
        for text in [">40 ms<", ">950 ms<", ">12 s<", ">11 min<"] { #expect(html.contains(text)) }
        // Nobody holds the third, and nobody is known to have got it.
        #expect(html.split(separator: "<svg class=\"bar").count == 3)
        #expect(html.contains("<rect width=\"92%\""))
        #expect(html.contains("checkout-7 <code>01234567</code>"))
        #expect(html.contains("edge-1 &lt; edge-0"))
        #expect(html.contains("<th scope=\"row\">0123456789<span"))
        #expect(html.contains("<td>nothing</td>"))
        #expect(html.contains("Behind <span class=\"count\">3</span>"))
        #expect(html.contains("and 1 more"))
        #expect(html.contains("No edge has reported."))
        #expect(!html.contains("Every live instance"))
    }

    @Test func `shows edges with how stale they are, and those that are gone`() {
        var content = FleetContent()
        content.newest = Self.now - 600_000
        (content.live, content.holding) = (1, 1)
        content.edges = [
            instance("fra-2", ago: 1_200_000) { ($0.isLive, $0.confirmedAt) = (false, Self.now - 1_260_000) },
            instance("fra-1", ago: 2_000) { $0.confirmedAt = Self.now - 15_000 },
            instance("fra-3", ago: 2_000) { $0.time = Self.now - 700_000 },
        ]
        let html = page(content)
        #expect(html.contains("Every live instance answers from the newest version."))
        #expect(html.contains("<span class=\"badge off\">Gone</span>"))
        #expect(html.contains("<span class=\"badge wait\">Behind</span>"))
        #expect(html.contains(">15 s ago</time>") && html.contains(">21 min ago</time>"))
        #expect(html.contains("<td>never</td>"))
        // All of them may be gone.
        content.live = 0
        #expect(page(content).contains("No instance has reported lately."))
    }
}
