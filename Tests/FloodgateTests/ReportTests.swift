// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Logging
import Testing

/// What a client reports when things go wrong.
@Suite("Reports", .timeLimit(.minutes(5))) struct ReportTests {
    let user = FloodgateUser(userID: "u1")

    @Test(.rows("OBS-06")) func `say why polls fail`() async throws {
        let metrics = RecordingMetrics()
        try await Bench.run { bench in
            let client = bench.makeClient { $0.metricsFactory = metrics }
            await client.initialize()
            for answer in [.status(403), .ok("no document"), .ok(#"{"has_updates":false}"#)]
                as [ScriptedServer.Answer]
            {
                bench.server.on(Bench.specs, answer)
                await bench.poll()
            }
            await client.shutdown()
        }
        let values = metrics.values
        #expect(values["floodgate.specs.failures{code=status}"] == [1])
        #expect(values["floodgate.specs.failures{code=document}"] == [1])
        #expect(values["floodgate.request.duration{outcome=status,purpose=specs}"]?.count == 1)
        #expect(values["floodgate.request.duration{outcome=ok,purpose=specs}"]?.count == 3)
        #expect(values["floodgate.specs.unchanged"] == [1])
    }

    @Test(.rows("OBS-07")) func `measure how long ID lists take, and whether they came`() async throws {
        let metrics = RecordingMetrics()
        try await Bench.run { bench in
            bench.server.on(Bench.lists, .ok("{}"))
            let client = bench.makeClient {
                $0.metricsFactory = metrics
                $0.enableIDLists = true
            }
            await client.initialize()
            bench.server.on(Bench.lists, .status(403))
            await bench.clock.pass(.seconds(60))
            await bench.clock.isAsked(for: .seconds(60))
            await client.shutdown()
        }
        #expect(metrics.values["floodgate.id_lists.duration{outcome=ok}"]?.count == 1)
        #expect(metrics.values["floodgate.id_lists.duration{outcome=status}"]?.count == 1)
    }

    @Test(.rows("OBS-11")) func `are cut where a line would get long`() async throws {
        struct Failure: Error, CustomStringConvertible {
            var description: String { String(repeating: "é", count: 401) }
        }
        let log = RecordingLog()
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.logger = log.logger
                $0.stickyStore = BrokenStore(failure: Failure())
            }
            await client.initialize()
            _ = client.experiment("experiment", for: user, options: .keeping(StickyAssignments()))
            _ = client.stickyAssignments(for: user)
            await client.shutdown()
        }
        let lines = log.lines.filter { $0.contains("sticky") }
        #expect(!lines.isEmpty)
        for line in lines {
            #expect(line.contains(String(repeating: "é", count: 400) + "...[TRUNCATED]"))
            #expect(!line.contains(String(repeating: "é", count: 401)))
        }
    }

    @Test func `are whole up to 400 characters`() async throws {
        struct Failure: Error, CustomStringConvertible {
            var description: String { String(repeating: "é", count: 400) }
        }
        let log = RecordingLog()
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.logger = log.logger
                $0.stickyStore = BrokenStore(failure: Failure())
            }
            _ = client.stickyAssignments(for: user)
        }
        #expect(log.lines.contains { $0.contains(Failure().description) })
        #expect(!log.lines.contains { $0.contains("TRUNCATED") })
    }

    @Test(.rows("OBS-16")) func `count the events that were dropped, and tell the server`() async throws {
        let metrics = RecordingMetrics()
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.metricsFactory = metrics
                $0.eventBatchSize = 10
                $0.maxPendingBatches = 1
            }
            await client.initialize()
            bench.server.on(Bench.events, .status(403))
            for _ in 0..<10 { client.logEvent("lost", for: user) }
            await client.flush()
            #expect(client.eventStatistics.dropped == [.refused: 10])
            bench.server.on(Bench.events, .ok("{}"))
            client.logEvent("kept", for: user)
            await client.flush()
            client.logEvent("kept", for: user)
            await client.flush()
            await client.shutdown()
            let counts = bench.server.requests(Bench.events).map { request in
                request.json["statsigMetadata"]?["droppedEventCount"]?.integerValue
            }
            #expect(counts.suffix(2) == [10, nil], "each drop is told once")
        }
        #expect(metrics.values["floodgate.events.dropped{reason=refused}"] == [10])
    }

    @Test(.rows("SYN-20")) func `name the region that answered`() async throws {
        try await Bench.run { bench in
            bench.server.on(
                Bench.specs,
                .reply(headers: [("x-statsig-region", "eu-1")], body: TestDocument().bytes)
            )
            let client = bench.makeClient { $0.disableDiagnostics = false }
            await client.initialize()
            await client.shutdown()
            let metadata = try #require(bench.server.metadata(of: "statsig::diagnostics").first)
            let markers = try JSONValue(parsing: Array((metadata["markers"]?.stringValue ?? "").utf8)).arrayValue ?? []
            let regions = markers.compactMap { $0["sdkRegion"]?.stringValue }
            #expect(regions == ["eu-1"])
        }
    }
}

/// A store that always fails.
private struct BrokenStore<Failure: Error>: StickyStore {
    var failure: Failure

    func load(_ key: String) throws -> StickyAssignments? { throw failure }
    func save(_ value: StickyValue, for name: String, under key: String) throws { throw failure }
    func delete(_ name: String, under key: String) throws { throw failure }
}
