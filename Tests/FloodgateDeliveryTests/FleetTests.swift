// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import Testing

/// What is known of those who answer from documents.
@Suite("Fleet") struct FleetTests {
    private static let start: Int64 = 1_750_000_000_000

    private static func sighting(
        _ id: String,
        time: Int64,
        usedAgo: Int64? = nil,
        _ change: (inout FleetSighting) -> Void = { _ in }
    ) -> FleetSighting {
        var sighting = FleetSighting(
            id: id,
            name: "host-\(id)",
            sdk: "floodgate-swift",
            sdkVersion: "0.1.0",
            time: UInt64(time),
            usedAgo: usedAgo
        )
        change(&sighting)
        return sighting
    }

    @Test func `counts those that were seen lately by what they answer from, and names those that are behind`() {
        let fleet = Fleet()
        let (old, new) = (Self.start, Self.start + 10_000)
        fleet.publish("production", time: UInt64(old), checksum: "1", at: old)
        for id in ["a", "b", "c", "d"] {
            fleet.see(Self.sighting(id, time: old), of: "production", at: old + 100)
        }
        fleet.publish("production", time: UInt64(new), checksum: "2", at: new)
        for id in ["a", "b"] { fleet.see(Self.sighting(id, time: new), of: "production", at: new + 500) }
        fleet.see(Self.sighting("d", time: 0), of: "production", at: new + 600)
        let status = fleet.status(of: "production", at: new + 1_000, limit: 10)
        #expect(status.live == 4 && status.holding == 2 && status.time == UInt64(new))
        #expect(status.versions.map(\.instances) == [2, 1] && status.versions.map(\.checksum) == ["2", "1"])
        #expect(status.stragglers.map(\.sighting.name) == ["host-d", "host-c"])
        // "c" was not seen since.
        let later = fleet.status(of: "production", at: old + 100 + Fleet.patience + 1, limit: 1)
        #expect(later.live == 3 && later.stragglers.map(\.sighting.id) == ["d"])
        #expect(fleet.status(of: "production", time: UInt64(old), at: new + 1_000, limit: 9).holding == 3)
        #expect(fleet.status(of: "staging", at: new, limit: 9).live == 0)
    }

    @Test func `measures from commit to use, of those alone that were there before`() throws {
        let fleet = Fleet()
        let commit = Self.start + 5_000
        for number in 0..<1_000 {
            fleet.see(Self.sighting("\(number)", time: Self.start), of: "production", at: Self.start + 1)
        }
        fleet.publish("production", time: UInt64(commit), checksum: nil, at: commit)
        // They say so 3 s later: what counts is how long ago it was.
        for number in 0..<1_000 {
            let used = Self.sighting("\(number)", time: commit, usedAgo: 3_000 - Int64(number) - 1)
            fleet.see(used, of: "production", at: commit + 3_000)
        }
        fleet.see(Self.sighting("new", time: commit), of: "production", at: commit + 80_000)
        let version = try #require(fleet.status(of: "production", at: commit + 80_000, limit: 0).versions.first)
        let delay = try #require(version.delay)
        #expect(version.instances == 1_001 && delay.count == 1_000)
        #expect([delay.p50, delay.p99, delay.p999, delay.max] == [500, 990, 999, 1_000])
    }

    @Test func `takes it that a document is in use from when it was handed out`() throws {
        let fleet = Fleet()
        let commit = Self.start + 5_000
        fleet.see(Self.sighting("a", time: Self.start), of: "production", at: Self.start)
        let asking = Self.sighting("a", time: Self.start) { $0.offered = UInt64(commit) }
        fleet.see(asking, of: "production", at: commit + 700)
        fleet.see(Self.sighting("a", time: commit), of: "production", at: commit + 10_700)
        #expect(fleet.status(of: "production", at: commit + 10_700, limit: 0).versions.first?.delay?.max == 700)
    }

    @Test func `is not misled by one that names a document which nobody published`() {
        let fleet = Fleet()
        fleet.publish("e", time: UInt64(Self.start), checksum: "1", at: Self.start)
        for id in ["a", "liar"] { fleet.see(Self.sighting(id, time: Self.start - 5), of: "e", at: Self.start - 4) }
        for id in ["a", "liar"] { fleet.see(Self.sighting(id, time: Self.start), of: "e", at: Self.start + 10) }
        for step in 1...40 as ClosedRange<Int64> {
            fleet.see(Self.sighting("liar", time: Self.start + step * 1_000_000), of: "e", at: Self.start + 20 + step)
        }
        let status = fleet.status(of: "e", at: Self.start + 100, limit: 9)
        #expect(status.time == UInt64(Self.start) && status.newest == status.time)
        #expect(status.holding == 2 && status.versions.contains { $0.checksum == "1" && $0.delay?.count == 2 })
    }

    @Test func `goes on when the clock is set back`() {
        let fleet = Fleet()
        fleet.see(Self.sighting("a", time: 1), of: "e", at: Self.start + 3_600_000)
        fleet.see(Self.sighting("a", time: 2), of: "e", at: Self.start)
        #expect(fleet.status(of: "e", time: 2, at: Self.start, limit: 9).holding == 1)
    }

    @Test func `keeps no more instances than it may, and makes room when some are gone`() {
        let fleet = Fleet(capacity: 3)
        for number in 0..<5 { fleet.see(Self.sighting("\(number)", time: 1), of: "e", at: Self.start) }
        #expect(fleet.status(of: "e", at: Self.start, limit: 9).live == 3)
        #expect(fleet.status(of: "e", at: Self.start, limit: 9).leftOut == 2)
        let later = Self.start + Fleet.patience + 1
        fleet.see(Self.sighting("x", time: 1), of: "e", at: later)
        #expect(fleet.status(of: "e", at: later, limit: 9).live == 1)
    }

    @Test func `tells those upstream of each change once, and now and then that somebody is there`() throws {
        let (edge, server) = (Fleet(), Fleet())
        var number = 0
        func forward(at now: Int64) throws -> Int {
            let tidings = edge.changes(of: "e", after: number, at: now, limit: 100)
            number = tidings.number
            for sighting in tidings.sightings {
                let read = try #require(FleetSighting(sighting.json))
                server.see(read, of: "e", by: "edge", at: now + 40)
            }
            return tidings.sightings.count
        }
        for id in ["a", "b"] { edge.see(Self.sighting(id, time: Self.start), of: "e", at: Self.start + 1) }
        #expect(try forward(at: Self.start + 100) == 2)
        #expect(try forward(at: Self.start + 200) == 0)
        let commit = Self.start + 9_000
        edge.see(Self.sighting("a", time: commit, usedAgo: 250), of: "e", at: commit + 300)
        edge.see(Self.sighting("b", time: Self.start), of: "e", at: commit + 300)
        #expect(try forward(at: commit + 1_000) == 1)
        let status = server.status(of: "e", time: UInt64(commit), at: commit + 1_000, limit: 9)
        #expect(status.holding == 1 && status.stragglers.map(\.sighting.id) == ["b"])
        // 50 ms to the use, and 40 ms for the way.
        #expect(status.versions.first?.delay?.max == 90)
        edge.see(Self.sighting("b", time: Self.start), of: "e", at: Self.start + 30_000)
        #expect(try forward(at: Self.start + 30_000) == 1)
        // News that comes late by another way changes nothing.
        server.see(Self.sighting("a", time: Self.start) { $0.seenAgo = 60_000 }, of: "e", at: commit + 2_000)
        #expect(server.status(of: "e", at: commit + 2_000, limit: 9).holding == 1)
    }

    @Test func `names edges with what nobody has confirmed for long first, and those that are gone for an hour`() throws
    {
        let (edge, server) = (Fleet(), Fleet())
        func edgeSighting(_ id: String, name: String, confirmedAgo: Int64?) -> FleetSighting {
            Self.sighting(id, time: Self.start) { sighting in
                (sighting.isEdge, sighting.name, sighting.confirmedAgo) = (true, name, confirmedAgo)
            }
        }
        edge.see(edgeSighting("far", name: "far", confirmedAgo: 70_000), of: "e", at: Self.start)
        // One that is told of by another one: what it said then is older by the time that the way took.
        for sighting in edge.changes(of: "e", after: 0, at: Self.start + 5_000, limit: 9).sightings {
            server.see(try #require(FleetSighting(sighting.json)), of: "e", at: Self.start + 5_000)
        }
        server.see(edgeSighting("run-1", name: "near", confirmedAgo: 100), of: "e", at: Self.start)
        server.see(edgeSighting("run-2", name: "near", confirmedAgo: 200), of: "e", at: Self.start + 4_000)
        let status = server.status(of: "e", at: Self.start + 5_000, limit: 9)
        #expect(status.edges.map(\.sighting.id) == ["far", "run-1", "run-2"])
        #expect(status.edges.map(\.confirmedAt) == [Self.start - 70_000, Self.start - 100, Self.start + 3_800])
        #expect(server.status(of: "e", at: Self.start + 5_000, limit: 1).edges.count == 1)
        // Of a name of which nobody is left the last run stays in sight.
        let later = Self.start + 5_000 + Fleet.patience + 1
        server.see(Self.sighting("sdk", time: 1), of: "e", at: later)
        #expect(server.status(of: "e", at: later, limit: 9).edges.map(\.sighting.id) == ["far", "run-2"])
        #expect(server.status(of: "e", at: later, limit: 9).live == 1)
        server.see(edgeSighting("run-3", name: "near", confirmedAgo: nil), of: "e", at: later)
        #expect(server.status(of: "e", at: later, limit: 9).edges.map(\.sighting.id) == ["run-3", "far"])
        #expect(server.status(of: "e", at: later + 3_600_001, limit: 9).edges.isEmpty)
    }

    /// A server and edges of which each may tell of a few instances alone.
    private struct Chain {
        let server = Fleet()
        private var links: [FleetLink]

        init(edges count: Int, told: Int) {
            let server = server
            links = (0..<count).map { FleetLink(Fleet(told: told), to: server, name: "edge-\($0)") }
        }

        var edges: [Fleet] { links.map(\.edge) }

        /// Lets edges tell what is new; how many instances each of them told of at most.
        mutating func forward(at now: Int64) throws -> Int {
            var most = 0
            for index in links.indices { most = max(most, try links[index].forward(at: now)) }
            return most
        }
    }

    @Test func `is told of few instances of many by an edge, and knows from them how many there are`() throws {
        var chain = Chain(edges: 1, told: 1_000)
        let (edge, server) = (chain.edges[0], chain.server)
        let commit = Self.start + 10_000
        for fleet in [edge, server] { fleet.publish("e", time: UInt64(Self.start), checksum: nil, at: Self.start) }
        for number in 0..<900 { edge.see(Self.sighting("u\(number)", time: Self.start), of: "e", at: Self.start + 1) }
        #expect(try chain.forward(at: Self.start + 2_000) == 900)
        #expect(server.status(of: "e", at: Self.start + 2_000, limit: 0).isEstimate == false)
        for number in 900..<20_000 {
            edge.see(Self.sighting("u\(number)", time: Self.start), of: "e", at: Self.start + 2_500)
        }
        #expect(try chain.forward(at: Self.start + 4_000) <= 1_100)
        let before = server.status(of: "e", at: Self.start + 4_000, limit: 0)
        #expect(before.isEstimate && (17_000...23_000).contains(before.live) && before.holding == before.live)

        for fleet in [edge, server] { fleet.publish("e", time: UInt64(commit), checksum: nil, at: commit) }
        for number in 0..<20_000 where number % 10 != 0 {
            let sighting = Self.sighting("u\(number)", time: commit, usedAgo: 1_000 - Int64(number % 1_000))
            edge.see(sighting, of: "e", at: commit + 1_000)
        }
        #expect(try chain.forward(at: commit + 2_000) <= 1_100)
        let during = server.status(of: "e", at: commit + 2_000, limit: 10)
        #expect((0.87...0.93).contains(Double(during.holding) / Double(during.live)))
        #expect(
            during.stragglers.count == 10 && during.stragglers.allSatisfy { $0.sighting.time == UInt64(Self.start) }
        )
        let delay = try #require(during.versions.first?.delay)
        #expect((400...600).contains(delay.p50) && (970...1_000).contains(delay.p99))
    }

    @Test func `hears of the last instance that is behind, in the sample or not, and when it has caught up`() throws {
        var chain = Chain(edges: 1, told: 10)
        let (edge, server) = (chain.edges[0], chain.server)
        let commit = Self.start + 10_000
        for fleet in [edge, server] { fleet.publish("e", time: UInt64(commit), checksum: nil, at: commit) }
        func isComplete(_ now: Int64) -> Bool {
            let status = server.status(of: "e", at: now, limit: 9)
            return status.holding == status.live
        }
        var now = commit
        for number in 0..<1_000 { edge.see(Self.sighting("u\(number)", time: Self.start), of: "e", at: now) }
        _ = try chain.forward(at: now)
        for step in 1...9 {
            now += 2_000
            // Each time more of them have it, whoever was named among them.
            for number in (step - 1) * 111..<step * 111 {
                edge.see(Self.sighting("u\(number)", time: commit), of: "e", at: now)
            }
            #expect(try chain.forward(at: now) <= 30 + 2 * 100)
            #expect(!isComplete(now))
        }
        #expect(server.status(of: "e", at: now, limit: 9).stragglers.map(\.sighting.id) == ["u999"])
        now += 2_000
        edge.see(Self.sighting("u999", time: commit), of: "e", at: now)
        _ = try chain.forward(at: now)
        #expect(isComplete(now))
        let count = try chain.forward(at: now + 2_000)
        #expect(count == 0)
    }

    @Test func `counts an instance once that asks several edges, also if they tell of few`() throws {
        var chain = Chain(edges: 3, told: 1_000)
        for number in 0..<12_000 {
            // The third has so few that it tells of all.
            for (index, edge) in chain.edges.enumerated() where index < 2 ? number % 4 != index : number < 500 {
                edge.see(Self.sighting("u\(number)", time: Self.start), of: "e", at: Self.start + 1)
            }
        }
        _ = try chain.forward(at: Self.start + 2_000)
        #expect((10_000...14_000).contains(chain.server.status(of: "e", at: Self.start + 2_000, limit: 0).live))
    }

    @Test func `tells of all again when most are gone`() throws {
        var chain = Chain(edges: 1, told: 100)
        let edge = chain.edges[0]
        for number in 0..<1_000 { edge.see(Self.sighting("u\(number)", time: Self.start), of: "e", at: Self.start) }
        _ = try chain.forward(at: Self.start)
        let later = Self.start + Fleet.patience + 1
        for number in 0..<30 { edge.see(Self.sighting("u\(number)", time: Self.start), of: "e", at: later) }
        _ = try chain.forward(at: later)
        let status = chain.server.status(of: "e", at: later, limit: 0)
        #expect(status.live == 30 && !status.isEstimate)
    }

    @Test func `reads what others say without trust`() {
        #expect(FleetSighting(["id": "", "name": "x", "time": 1]) == nil)
        #expect(FleetSighting(["id": "a", "name": "x", "time": -1]) == nil)
        #expect(FleetSighting(["id": "a", "name": "x"]) == nil)
        let odd = FleetSighting([
            "id": .string("a\u{1B}[2J\u{9B}"), "name": .string(String(repeating: "é", count: 1_000)), "time": 0,
            "seen_ms_ago": .integer(Int64.min), "used_ms_ago": .integer(Int64.max), "via": [1, "x"],
        ])
        #expect(odd?.id == "a[2J" && odd?.name.count == 128 && odd?.seenAgo == 0 && odd?.via == ["x"])
        let fleet = Fleet()
        if let odd {
            fleet.see(odd, of: "e", at: Self.start)
            fleet.see(odd, of: "e", at: Self.start + 1)
        }
        #expect(fleet.status(of: "e", at: Self.start + 1, limit: 1).stragglers.isEmpty)
    }
}
