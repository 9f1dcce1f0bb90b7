// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Testing

/// Several servers of which some are dead, slow or broken.
@Suite("Several addresses", .timeLimit(.minutes(5))) struct FailoverTests {
    let user = FloodgateUser(userID: "u1")

    /// A bench whose server is preferred to a second one that serves and takes the same.
    private func withTwo(_ test: (Bench, ScriptedServer) async throws -> Void) async throws {
        try await Bench.run { bench in
            try await ScriptedServer.run { second in
                second.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["second": true]).text))
                second.on(Bench.events, .ok("{}"))
                second.on(Bench.lists, .ok("{}"))
                try await test(bench, second)
            }
        }
    }

    private func makeClient(
        _ bench: Bench,
        _ second: ScriptedServer,
        _ change: (inout FloodgateClient.Options) -> Void = { _ in }
    ) -> FloodgateClient {
        bench.makeClient { options in
            options.servers = [bench.server.url, second.url + "/"]
            change(&options)
        }
    }

    private static let failures: [(String, ScriptedServer.Answer)] = [
        ("500", .status(500)), ("404", .status(404)), ("no answer", .rawThenClose([])),
        ("no HTTP", .rawThenClose(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8))),
        ("half a body", .rawThenClose(Array("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".utf8))),
        ("unknown encoding", .reply(headers: [("content-encoding", "br")], body: [1])),
    ]

    @Test(.rows("INI-28"), arguments: failures.map(\.0)) func `starts from the second when the first fails`(
        kind: String
    ) async throws {
        let answer = try #require(Self.failures.first { $0.0 == kind }).1
        try await withTwo { bench, second in
            bench.server.on(Bench.specs, answer)
            let client = makeClient(bench, second)
            let details = await client.initialize()
            #expect(details.isReady)
            #expect(details.failure == nil)
            #expect(client.checkGate("second", for: user))
            // And stays there: the first is not asked again in a while.
            await bench.poll()
            #expect(bench.server.requests(Bench.specs).count == 1)
            #expect(second.requests(Bench.specs).count == 2)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-28")) func `starts from the second when nobody listens at the first`() async throws {
        try await withTwo { bench, second in
            let client = makeClient(bench, second)
            await bench.server.close()
            #expect(await client.initialize().isReady)
            #expect(client.checkGate("second", for: user))
            await client.shutdown()
        }
    }

    @Test func `waits for a server that hangs no longer than a second and a half, and only once`() async throws {
        try await withTwo { bench, second in
            bench.server.on(Bench.specs, .hang)
            let client = makeClient(bench, second)
            async let details = client.initialize()
            _ = await bench.server.requests(Bench.specs, count: 1)
            await bench.clock.pass(.milliseconds(1500))
            #expect(await details.isReady)
            for _ in 0..<2 { await bench.poll() }
            #expect(bench.server.requests(Bench.specs).count == 1, "costs nothing from then on")
            #expect(second.requests(Bench.specs).count == 3)
            await client.shutdown()
        }
    }

    @Test func `gives the last address all the time there is`() async throws {
        try await withTwo { bench, second in
            bench.server.on(Bench.specs, .status(500))
            second.on(Bench.specs, .later(.ok(TestDocument().text)))
            let client = makeClient(bench, second) { $0.initTimeout = .seconds(20) }
            async let details = client.initialize()
            _ = await second.requests(Bench.specs, count: 1)
            bench.clock.advance(by: .seconds(8))
            second.release()
            #expect(await details.isReady)
            await client.shutdown()
        }
    }

    @Test func `returns to the preferred one after a while`() async throws {
        try await withTwo { bench, second in
            bench.server.on(Bench.specs, .status(503))
            let client = makeClient(bench, second)
            await client.initialize()
            let document = TestDocument(time: 1_750_000_000_001, checksum: "3", gates: ["healed": true])
            bench.server.on(Bench.specs, .ok(document.text))
            // It rests for 30 s and, at this chance, 15 s more.
            for _ in 0..<4 { await bench.poll() }
            #expect(!client.checkGate("healed", for: user))
            await bench.poll()
            #expect(client.checkGate("healed", for: user))
            await bench.poll()
            #expect(bench.server.requests(Bench.specs).count == 3)
            #expect(second.requests(Bench.specs).count == 5)
            await client.shutdown()
        }
    }

    @Test func `turns away from a server whose documents do not read`() async throws {
        try await withTwo { bench, second in
            bench.server.on(Bench.specs, .ok("<html></html>"))
            let client = makeClient(bench, second)
            #expect(await client.initialize().failure?.code == .document)
            await bench.poll()
            #expect(client.checkGate("second", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-09, FAI-11"), arguments: [400, 403, 429]) func `asks nobody else when the answer is no for good`(
        status: Int
    ) async throws {
        try await withTwo { bench, second in
            bench.server.on(Bench.specs, .status(status))
            let client = makeClient(bench, second)
            #expect(await client.initialize().failure?.status == status)
            #expect(second.requests("/").isEmpty)
            await client.shutdown()
        }
    }

    @Test func `sends events and asks for ID lists where somebody answers`() async throws {
        try await withTwo { bench, second in
            bench.server.on(Bench.events, .status(503))
            bench.server.on(Bench.lists, .rawThenClose([]))
            let client = makeClient(bench, second) { $0.enableIDLists = true }
            let details = await client.initialize()
            #expect(details.areIDListsReady == true)
            client.logEvent("e", for: user)
            await client.flush()
            #expect(client.eventStatistics.sent == 1)
            #expect(second.events.count == 1)
            let bodies = [bench.server, second].map { $0.requests(Bench.events).first?.body }
            #expect(bodies[0] == bodies[1], "the same bytes, so that a server can tell")
            // Specs go on coming from the first.
            await bench.poll()
            #expect(bench.server.requests(Bench.specs).count == 2)
            await client.shutdown()
        }
    }

    @Test func `keeps requests within the budget when everything is down`() async throws {
        try await withTwo { bench, second in
            bench.server.on(Bench.specs, .status(503))
            second.on(Bench.specs, .status(503))
            let client = makeClient(bench, second)
            await client.initialize()
            // Without a budget each poll would be eight requests: four attempts at two addresses.
            for _ in 0..<5 {
                await bench.passInterval()
                for milliseconds in [100, 200] { await bench.clock.pass(.milliseconds(milliseconds)) }
                await bench.clock.isAsked(for: .seconds(10))
            }
            let count = bench.server.requests(Bench.specs).count + second.requests(Bench.specs).count
            #expect(count == 2 + 5 * 6)
            await client.shutdown()
        }
    }

    @Test func `leaves a server alone for as long as it asks`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.specs, .reply(status: 503, headers: [("retry-after", "60")], body: []))
            await bench.passInterval()
            await bench.clock.isAsked(for: .seconds(75))
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
            await bench.clock.pass(.seconds(75))
            await bench.clock.isAsked(for: .seconds(10))
            #expect(client.checkGate("new", for: user))
            #expect(bench.server.requests(Bench.specs).count == 3)
            await client.shutdown()
        }
    }
}
