// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import Testing

/// Who is behind no more, by the word of an edge that would not have told of it.
@Suite("Questions about a fleet") struct FleetQuestionTests {
    private static let old: Int64 = 1_750_000_000_000
    private static let new = old + 10_000

    /// Edges of which each has so many clients that it tells of few, all with the newest document but `behind`.
    private static func edge(_ name: String, clients: Int = 1_000, behind: [String] = []) -> Fleet {
        let edge = Fleet(told: 10)
        edge.publish("e", time: UInt64(new), checksum: nil, at: new)
        for number in 0..<clients { edge.see(FleetLink.sighting("\(name)-\(number)", time: new), of: "e", at: new) }
        for id in behind { edge.see(FleetLink.sighting(id, time: old), of: "e", at: new) }
        return edge
    }

    private static func server() -> Fleet {
        let server = Fleet()
        server.publish("e", time: UInt64(new), checksum: nil, at: new)
        return server
    }

    private static func behind(_ fleet: Fleet, at now: Int64) -> [String] {
        fleet.status(of: "e", at: now, limit: 1_000).stragglers.map(\.sighting.id).sorted()
    }

    @Test func `a client that holds the newest at another edge is not named as behind`() throws {
        let server = Self.server()
        let movers = (0..<50).map { "mover-\($0)" }
        var first = FleetLink(Self.edge("x", behind: movers + ["stays"]), to: server, name: "x")
        var second = FleetLink(Self.edge("y"), to: server, name: "y")
        for id in movers { second.edge.see(FleetLink.sighting(id, time: Self.new), of: "e", at: Self.new + 1_000) }
        var now = Self.new + 1_500
        try first.forward(at: now)
        try second.forward(at: now)
        // Some are in the sample of the second edge, which tells of them anyway.
        #expect(Self.behind(server, at: now).count > 30)
        for _ in 1...2 {
            now += 2_000
            try first.forward(at: now)
            try second.forward(at: now)
        }
        #expect(Self.behind(server, at: now) == ["stays"])
        let status = server.status(of: "e", at: now, limit: 0)
        #expect(status.live - status.holding == 1)
        // What was answered is not told again.
        #expect(try second.forward(at: now + 2_000) == 0)
    }

    @Test func `a client that was named is not named for the next document, though its edge had no time to name it`()
        throws
    {
        let server = Self.server()
        var link = FleetLink(Self.edge("x", behind: ["late"]), to: server, name: "x")
        try link.forward(at: Self.new + 1_000)
        link.edge.see(FleetLink.sighting("late", time: Self.new), of: "e", at: Self.new + 2_000)
        for wait in [3_000, 4_000] as [Int64] { try link.forward(at: Self.new + wait) }
        #expect(Self.behind(server, at: Self.new + 4_000).isEmpty)
        let newer = Self.new + 5_000
        for fleet in [link.edge, server] { fleet.publish("e", time: UInt64(newer), checksum: nil, at: newer) }
        for id in (0..<1_000).map({ "x-\($0)" }) + ["late"] {
            link.edge.see(FleetLink.sighting(id, time: newer), of: "e", at: newer + 100)
        }
        try link.forward(at: newer + 1_000)
        #expect(Self.behind(server, at: newer + 1_000) == ["late"])
        try link.forward(at: newer + 3_000)
        #expect(Self.behind(server, at: newer + 3_000).isEmpty)
    }

    @Test func `edges of edges are asked, too`() throws {
        let server = Self.server()
        let relays = (0..<2).map { _ in Self.edge("r") }
        var links = [
            FleetLink(Self.edge("x", behind: ["mover"]), to: relays[0], name: "x"),
            FleetLink(Self.edge("y"), to: relays[1], name: "y"),
            FleetLink(relays[0], to: server, name: "r0"), FleetLink(relays[1], to: server, name: "r1"),
        ]
        var now = Self.new + 1_500
        links[1].edge.see(FleetLink.sighting("mover", time: Self.new), of: "e", at: now - 500)
        for index in links.indices { try links[index].forward(at: now) }
        #expect(Self.behind(server, at: now) == ["mover"])
        for _ in 1...4 {
            now += 2_000
            for index in links.indices { try links[index].forward(at: now) }
        }
        #expect(Self.behind(server, at: now).isEmpty)
    }

    @Test func `an edge that does not answer leaves it as it was, until the sign is too old`() throws {
        let server = Self.server()
        var first = FleetLink(Self.edge("x", behind: ["mover"]), to: server, name: "x")
        var second = FleetLink(Self.edge("y"), to: server, name: "y")
        second.isAsked = false
        second.edge.see(FleetLink.sighting("mover", time: Self.new), of: "e", at: Self.new + 1_000)
        for step in 1...3 as ClosedRange<Int64> {
            try first.forward(at: Self.new + step * 2_000)
            try second.forward(at: Self.new + step * 2_000)
        }
        #expect(Self.behind(server, at: Self.new + 6_000) == ["mover"])
        #expect(Self.behind(server, at: Self.new + Fleet.patience + 1).isEmpty)
    }

    @Test func `one that is behind where it is now stays behind, and its edge does not repeat that`() throws {
        let server = Self.server()
        var first = FleetLink(Self.edge("x", behind: ["mover"]), to: server, name: "x")
        var second = FleetLink(Self.edge("y"), to: server, name: "y")
        // What the second edge saw is older: the client began anew since, with an older document, at the first.
        second.edge.see(FleetLink.sighting("mover", time: Self.new), of: "e", at: Self.new - 1_000)
        var counts: [Int] = []
        for step in 1...4 as ClosedRange<Int64> {
            try first.forward(at: Self.new + step * 2_000)
            counts.append(try second.forward(at: Self.new + step * 2_000))
        }
        #expect(counts.suffix(2) == [0, 0])
        #expect(Self.behind(server, at: Self.new + 8_000) == ["mover"])
    }

    @Test func `names of those that are behind outlast a change of the sample, up and down`() throws {
        let server = Self.server()
        var link = FleetLink(Self.edge("x", behind: ["late"]), to: server, name: "x")
        let edge = link.edge
        try link.forward(at: Self.new + 1_000)
        #expect(Self.behind(server, at: Self.new + 1_000) == ["late"])
        // Ten times as many, and then, when these are gone, so few that each is told of.
        for number in 1_000..<10_000 {
            edge.see(FleetLink.sighting("x-\(number)", time: Self.new), of: "e", at: Self.new + 2_000)
        }
        try link.forward(at: Self.new + 3_000)
        #expect(Self.behind(server, at: Self.new + 3_000) == ["late"])
        let later = Self.new + 3_000 + Fleet.patience
        for id in ["x-1", "x-2", "x-3"] { edge.see(FleetLink.sighting(id, time: Self.new), of: "e", at: later) }
        edge.see(FleetLink.sighting("late", time: Self.old), of: "e", at: later)
        try link.forward(at: later)
        let few = server.status(of: "e", at: later, limit: 9)
        #expect(few.stragglers.map(\.sighting.id) == ["late"] && few.stragglers.map(\.sighting.weight) == [1])
        #expect(few.live == 4 && few.holding == 3 && !few.isEstimate)
        edge.see(FleetLink.sighting("late", time: Self.new), of: "e", at: later + 1_000)
        try link.forward(at: later + 2_000)
        #expect(Self.behind(server, at: later + 2_000).isEmpty)
    }

    @Test func `asks for few at once, those first that gave no sign for the longest time, and in few bytes`() {
        let server = Self.server()
        for number in 0..<1_000 as Range<Int64> {
            server.see(FleetLink.sighting("\(number)", time: Self.old), of: "e", at: Self.new - number)
        }
        let questions = server.questions(about: "e", at: Self.new)
        #expect(questions == (744..<1_000).reversed().map(String.init))
        // They are looked for once a second.
        server.see(FleetLink.sighting("999", time: Self.new), of: "e", at: Self.new)
        #expect(server.questions(about: "e", at: Self.new + 999).first == "999")
        #expect(server.questions(about: "e", at: Self.new + 1_000).first == "998")
        #expect(server.questions(about: "none", at: Self.new).isEmpty)

        let long = Self.server()
        for number in 0..<256 {
            let id = "\(number)" + String(repeating: "𐍈", count: 120)
            long.see(FleetLink.sighting(id, time: Self.old), of: "e", at: Self.new)
        }
        let body = JSONValue.array(long.questions(about: "e", at: Self.new).map(JSONValue.string)).bytes
        #expect((8 << 10...32 << 10).contains(body.count))
    }

    @Test func `hands on what it was asked beside its own questions, no more and not for long`() {
        let relay = Self.server()
        for number in 0..<400 {
            relay.see(FleetLink.sighting("own-\(number)", time: Self.old), of: "e", at: Self.new)
        }
        relay.see(FleetLink.sighting("known", time: Self.new), of: "e", at: Self.new)
        let asked = ["known", "own-0", String(repeating: "x", count: 600)] + (0..<400).map { "\($0)" }
        relay.answer(asked, about: "e", at: Self.new)
        let questions = relay.questions(about: "e", at: Self.new + 1)
        #expect(questions.count == 256 && Set(questions).count == 256)
        #expect(questions.count { $0.hasPrefix("own-") } == 128 && questions.allSatisfy { $0.count < 600 })
        #expect(!questions.contains("known"))
        #expect(relay.questions(about: "e", at: Self.new + 30_001).allSatisfy { $0.hasPrefix("own-") })
    }
}
