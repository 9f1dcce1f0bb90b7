// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// What a client tells the server of the document that it uses.
@Suite("Reports of use", .timeLimit(.minutes(5))) struct UseReportTests {
    private static let path = "/v2/report_config_specs"
    private let user = FloodgateUser(userID: "u1")

    private func withStream(_ test: (Bench, FloodgateClient) async throws -> Void) async throws {
        try await Bench.run { bench in
            bench.server.on(StreamTests.path, .stream)
            bench.server.on(
                Self.path,
                .reply(status: 202, body: Array(#"{"spread_ms":4000,"interval_ms":80000}"#.utf8))
            )
            let client = bench.makeClient {
                $0.streaming = true
                $0.reportsUse = true
                $0.instanceName = "checkout-7\r\nx"
                $0.disableAllLogging = true
            }
            await client.initialize()
            await bench.server.streams(count: 1)
            while !client.specsStatus.isStreaming, !Task.isCancelled { await Task.yield() }
            try await test(bench, client)
            await client.shutdown()
            #expect(bench.clock.sleeperCount == 0)
        }
    }

    private func body(_ request: ScriptedServer.Request?) throws -> JSONObject {
        let request = try #require(request)
        return try #require(try JSONValue(parsing: request.body).objectValue)
    }

    @Test func `follow each change after a part of the time that the server names, and tell how long ago it was`()
        async throws
    {
        try await withStream { bench, client in
            await bench.clock.pass(.milliseconds(500))
            let first = try #require(await bench.server.requests(Self.path, count: 1).first)
            #expect(try body(first) == ["time": 1_750_000_000_000, "used_ms_ago": 500, "checksum": "1"])
            #expect(first.header("floodgate-instance") == "checkout-7x")
            #expect(first.header("statsig-api-key") == Bench.key)
            #expect(first.header("statsig-server-session-id")?.isEmpty == false)
            let document = TestDocument(time: 1_750_000_000_001, checksum: "2", gates: ["new": true])
            // The second is sent when the first was answered, which must not run into its deadline of 9 s.
            await bench.clock.isLeft(for: .seconds(9))
            await bench.clock.pass(.seconds(60))
            _ = await bench.server.requests(Self.path, count: 2)
            await bench.server.push("event: specs\ndata: \(document.text)\n\n")
            while !client.checkGate("new", for: user), !Task.isCancelled { await Task.yield() }
            await bench.clock.pass(.seconds(2))
            let third = try body(await bench.server.requests(Self.path, count: 3).last)
            #expect(third == ["time": 1_750_000_000_001, "used_ms_ago": 2000, "checksum": "2"])
        }
    }

    @Test func `come now and then without a change`() async throws {
        try await withStream { bench, _ in
            await bench.clock.pass(.milliseconds(500))
            _ = await bench.server.requests(Self.path, count: 1)
            await bench.clock.pass(.seconds(60))
            let second = try body(await bench.server.requests(Self.path, count: 2).last)
            #expect(second["used_ms_ago"] == 60_500)
        }
    }

    @Test func `are not sent to a server that takes none`() async throws {
        try await withStream { bench, _ in
            bench.server.on(Self.path, .status(404))
            await bench.clock.pass(.milliseconds(500))
            _ = await bench.server.requests(Self.path, count: 1)
            await bench.clock.isAsked(for: .seconds(3600))
            await bench.clock.pass(.seconds(60))
            await bench.clock.isAsked(for: .seconds(60))
            #expect(bench.server.requests(Self.path).count == 1)
        }
    }

    @Test func `are not sent by clients that poll`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient { $0.reportsUse = true }
            await client.initialize()
            await bench.poll()
            #expect(bench.server.requests(Self.path).isEmpty)
            #expect(bench.server.requests(Bench.specs).last?.header("floodgate-instance")?.isEmpty == false)
            await client.shutdown()
        }
    }
}
