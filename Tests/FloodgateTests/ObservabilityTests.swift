// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import InMemoryTracing
import Logging
import Testing
import Tracing

/// Rows OBS of the checklist, and what diagnostics say.
@Suite("Observability", .timeLimit(.minutes(5))) struct ObservabilityTests {
    let user = FloodgateUser(userID: "u1")

    // MARK: Metrics

    @Test(.rows("OBS-01, OBS-02, OBS-03, OBS-04, OBS-05, EVT-38")) func `measures what it does`() async throws {
        let metrics = RecordingMetrics()
        try await Bench.run { bench in
            let client = bench.makeClient { $0.metricsFactory = metrics }
            await client.initialize()
            client.logEvent("e", for: user)
            await client.flush()
            bench.server.on(Bench.specs, .ok(#"{"has_updates":false}"#))
            bench.clock.advance(by: .seconds(5))
            await bench.poll()
            bench.server.on(Bench.specs, .status(403))
            await bench.poll()
            await client.shutdown()
        }
        let values = metrics.values
        #expect(values["floodgate.initialize.duration{ready=true,source=Network}"]?.count == 1)
        #expect(values["floodgate.request.duration{outcome=ok,purpose=specs}"]?.count == 2)
        #expect(values["floodgate.request.duration{outcome=status,purpose=specs}"]?.count == 1)
        #expect(values["floodgate.request.duration{outcome=ok,purpose=events}"]?.count == 1)
        #expect(values["floodgate.specs.propagation"]?.count == 1)
        #expect(values["floodgate.specs.installed"] == [1])
        #expect(values["floodgate.specs.unchanged"] == [1])
        #expect(values["floodgate.specs.failures{code=status}"] == [1])
        #expect(values["floodgate.events.sent"] == [1])
        #expect(values["floodgate.specs.age"] == [0, 10], "rises while nobody confirms the document")
        #expect(!values.keys.contains { $0.contains(Bench.key) })
    }

    @Test(.rows("OBS-09")) func `is unharmed by instruments that come back or take their time`() async throws {
        let metrics = RecordingMetrics()
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.metricsFactory = metrics
                $0.eventBatchSize = 10
                $0.maxPendingBatches = 1
            }
            metrics.onRecord { [user] in
                _ = client.checkGate("open", for: user, options: .withoutExposure)
                // There is always something new to send, and yet each flush ends.
                client.logEvent("again", for: user)
                _ = client.specsStatus
                _ = client.eventStatistics
            }
            #expect(await client.initialize().isReady)
            bench.server.on(Bench.events, .status(403))
            for _ in 0..<100 { client.logEvent("e", for: user) }
            await client.flush()
            #expect(client.checkGate("open", for: user))
            metrics.onRecord {}
            await client.shutdown()
            #expect(!metrics.values.isEmpty)
        }
    }

    // MARK: Logs

    @Test(.rows("OBS-10, OBS-13"), arguments: [Logger.Level.debug, .info, .warning, .error, .critical])
    func `logs at the level that its logger has`(level: Logger.Level) async throws {
        let log = RecordingLog()
        try await Bench.run { bench in
            bench.server.on(Bench.events, .status(403))
            let client = bench.makeClient {
                $0.logger = log.logger
                $0.logger.logLevel = level
            }
            await client.initialize()
            bench.server.on(Bench.specs, .status(403))
            await bench.poll()
            client.logEvent("e", for: user)
            await client.shutdown()
        }
        let levels = Set(
            log.lines.compactMap { $0.split(separator: " ").first.flatMap { Logger.Level(rawValue: String($0)) } }
        )
        let expected: Set<Logger.Level> = [.debug, .info, .warning]
        #expect(levels == expected.filter { $0 >= level })
    }

    @Test(.rows("OBS-10")) func `logs warnings alone by default`() {
        #expect(FloodgateClient.Options().logger.logLevel == .warning)
    }

    // MARK: Spans

    @Test func `puts a span around each request, which never shows the key`() async throws {
        let tracer = InMemoryTracer()
        try await Bench.run { bench in
            let client = bench.makeClient { $0.tracer = tracer }
            await client.initialize()
            client.logEvent("e", for: user)
            bench.server.on(Bench.events, .status(403))
            await client.flush()
            bench.server.on(Bench.specs, .rawThenClose([]))
            await bench.passInterval()
            await bench.clock.isAsked(for: .milliseconds(100))
            await client.shutdown()

            let spans = tracer.finishedSpans
            #expect(spans.map(\.operationName).prefix(3) == ["floodgate.specs", "floodgate.events", "floodgate.specs"])
            #expect(spans.allSatisfy { $0.kind == .client })
            #expect(spans.first?.attributes.get("http.response.status_code") == .int64(200))
            #expect(spans.first?.attributes.get("server.address") == .string("127.0.0.1"))
            #expect(spans.first?.status == nil)
            #expect(spans[1].attributes.get("error.type") == .string("403"))
            #expect(spans[1].status?.code == .error)
            #expect(spans[2].attributes.get("error.type") == .string("network"))
            #expect(!spans.contains { "\($0)".contains(Bench.key) })
            let traced = bench.server.requests(Bench.specs).first?.header(InMemoryTracer.traceIDKey)
            #expect(traced == spans.first?.traceID)
        }
    }

    // MARK: Diagnostics

    private func diagnostics(_ bench: Bench) throws -> [(context: String, markers: [JSONValue])] {
        try bench.server.metadata(of: "statsig::diagnostics").map { metadata in
            let text = try #require(metadata["markers"]?.stringValue)
            let markers = try #require(try JSONValue(parsing: Array(text.utf8)).arrayValue)
            return (metadata["context"]?.stringValue ?? "", markers)
        }
    }

    private func steps(_ markers: [JSONValue]) -> [String] {
        markers.map { marker in
            ["key", "step", "action"].compactMap { marker[$0]?.stringValue }.joined(separator: " ")
        }
    }

    @Test(.rows("EVT-22, EVT-23")) func `tells of its start once, without the key`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.disableDiagnostics = false
                $0.environment = "staging"
                $0.globalCustomFields = ["a": 1]
            }
            await client.initialize()
            await bench.poll()
            await client.shutdown()
            let events = bench.server.events.filter { $0["eventName"] == "statsig::diagnostics" }
            #expect(events.count == 1)
            #expect(events.first?["user"] == .object([:]))
            let (context, markers) = try #require(try diagnostics(bench).first)
            #expect(context == "initialize")
            #expect(
                steps(markers) == [
                    "overall start", "download_config_specs network_request start",
                    "download_config_specs network_request end", "download_config_specs process start",
                    "download_config_specs process end", "overall end",
                ]
            )
            #expect(markers.last?["success"] == true)
            #expect(markers.last?["configSpecReady"] == true)
            #expect(markers.last?["source"] == "Network")
            #expect(!bench.server.events.contains { $0.text.contains(Bench.key) })
        }
    }

    @Test(.rows("EVT-22, SYN-19"), arguments: [("dcs", 10_000, 2), ("config_sync", 10_000, 2), ("initialize", 0, 0)])
    func `tells as often as the document says`(name: String, rate: Int64, count: Int) async throws {
        let extra: JSONObject = ["diagnostics": .object([name: .integer(rate)])]
        try await Bench.run(TestDocument(extra: extra)) { bench in
            let client = bench.makeClient { $0.disableDiagnostics = false }
            await client.initialize()
            bench.server.on(Bench.specs, .status(403))
            await bench.poll()
            await client.shutdown()
            let found = try diagnostics(bench)
            #expect(found.count == count)
            guard count == 2 else { return }
            #expect(found[1].context == "config_sync")
            #expect(found[1].markers.contains { $0["statusCode"] == 403 })
        }
    }

    @Test(.rows("EVT-22, EVT-42")) func `tells nothing if it is not to`() async throws {
        try await Bench.run { bench in
            for change in [{ $0.disableDiagnostics = true }, { $0.disableAllLogging = true }]
                as [@Sendable (inout FloodgateClient.Options) -> Void]
            {
                let client = bench.makeClient {
                    $0.disableDiagnostics = false
                    change(&$0)
                }
                await client.initialize()
                await client.shutdown()
            }
            #expect(bench.server.requests(Bench.events).isEmpty)
        }
    }

    // MARK: Error reports

    @Test(.rows("FAI-13, SYN-18")) func `reports no errors to anybody, so that none can follow from it`() async throws {
        try await Bench.run { bench in
            bench.server.on("/", .status(500))
            bench.server.on(Bench.specs, .status(500))
            bench.server.on(Bench.events, .status(500))
            let client = bench.makeClient { $0.enableIDLists = true }
            await client.initialize()
            client.logEvent("e", for: user)
            await client.flush()
            await bench.passInterval()
            for milliseconds in [100, 200, 400] { await bench.clock.pass(.milliseconds(milliseconds)) }
            await client.shutdown()
            let paths = Set(
                bench.server.requests("/").map { $0.uri.split(separator: "?").first.map(String.init) ?? "" }
            )
            #expect(paths == [Bench.specs + Bench.key + ".json", Bench.events, Bench.lists])
        }
    }

    // MARK: Staleness

    @Test func `shows how old everything is`() async throws {
        try await Bench.run(TestDocument(time: ManualClock.start - 60_000)) { bench in
            let client = bench.makeClient()
            #expect(client.specsStatus.source == .uninitialized)
            #expect(client.specsStatus.age == nil)
            #expect(client.gate("open", for: user).details.age(at: ManualClock.start) == nil)
            await client.initialize()
            bench.server.on(Bench.specs, .ok(#"{"has_updates":false}"#))
            await bench.poll()
            bench.server.on(Bench.specs, .status(403))
            bench.clock.advance(by: .seconds(3))
            let status = client.specsStatus
            #expect(status.source == .network)
            #expect(status.time == UInt64(ManualClock.start - 60_000))
            #expect(status.checksum == "1")
            #expect(status.receivedAt == ManualClock.start)
            #expect(status.confirmedAt == ManualClock.start + 10_000)
            #expect(status.age == .seconds(3))
            let details = client.gate("open", for: user).details
            #expect(details.age(at: ManualClock.start + 13_000) == .seconds(13))
            #expect(details.age(at: 0) == .zero)
            await client.shutdown()
        }
    }
}
