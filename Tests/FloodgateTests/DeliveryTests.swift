// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// Rows EVT-29 to EVT-46 of the checklist: how events travel.
@Suite("Delivery of events", .timeLimit(.minutes(5))) struct DeliveryTests {
    let user = FloodgateUser(userID: "u1")

    private func log(_ numbers: Range<Int>, to client: FloodgateClient) {
        for number in numbers { client.logEvent("e\(number)", for: user) }
    }

    private func names(_ bench: Bench) -> [String] { bench.server.events.compactMap { $0["eventName"]?.stringValue } }

    @Test(.rows("EVT-29, EVT-30, EVT-33")) func `sends a compressed batch that describes itself`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            log(0..<3, to: client)
            await client.flush()
            let request = try #require(bench.server.requests(Bench.events).first)
            #expect(request.method == "POST")
            #expect(request.header("content-encoding") == "gzip")
            #expect(request.header("content-type") == "application/json")
            #expect(request.header("statsig-event-count") == "3")
            #expect(request.header("statsig-retry-count") == "0")
            #expect(request.header("statsig-api-key") == Bench.key)
            let metadata = request.json["statsigMetadata"]
            #expect(metadata?["sdkType"] == "floodgate-swift")
            #expect(metadata?["sessionID"]?.stringValue == request.header("statsig-server-session-id"))
            #expect(metadata?["flushType"] == "manual")
            #expect(metadata?["batchSize"] == 2000)
            #expect(names(bench) == ["e0", "e1", "e2"])
            #expect(client.eventStatistics.sent == 3)
            await client.shutdown()
        }
    }

    @Test(.rows("EVT-31, EVT-40")) func `sends full batches at once and the rest later, in order`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient { $0.eventBatchSize = 10 }
            await client.initialize()
            log(0..<25, to: client)
            let requests = await bench.server.requests(Bench.events, count: 2)
            #expect(requests.map { $0.header("statsig-event-count") } == ["10", "10"])
            await client.shutdown()
            #expect(names(bench) == (0..<25).map { "e\($0)" })
            let last = bench.server.requests(Bench.events).last
            #expect(last?.json["statsigMetadata"]?["flushType"] == "shutdown")
        }
    }

    @Test func `gives each batch an identity of its own`() async throws {
        try await Bench.run { bench in
            // Also to those of another client of the same program.
            for _ in 0..<2 {
                let client = bench.makeClient { $0.eventBatchSize = 10 }
                await client.initialize()
                log(0..<25, to: client)
                await client.shutdown()
            }
            let keys = bench.server.requests(Bench.events).compactMap { $0.header("idempotency-key") }
            #expect(keys.count == 6)
            #expect(Set(keys).count == 6)
            #expect(keys.allSatisfy { 1...256 ~= $0.utf8.count })
        }
    }

    @Test(.rows("EVT-32")) func `sends a single event within a minute`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            log(0..<1, to: client)
            await bench.tick(59)
            #expect(names(bench).isEmpty)
            await bench.tick()
            #expect(names(bench) == ["e0"])
            let request = bench.server.requests(Bench.events).first
            #expect(request?.json["statsigMetadata"]?["flushType"] == "scheduled:max_time")
            await client.shutdown()
        }
    }

    @Test(.rows("EVT-34, EVT-45, FAI-12")) func `tries the same bytes five times, then drops them`() async throws {
        let log = RecordingLog()
        try await Bench.run { bench in
            bench.server.on(Bench.events, .status(500))
            let client = bench.makeClient { $0.logger = log.logger }
            await client.initialize()
            self.log(0..<3, to: client)
            await bench.tick(60)
            var seen = 1
            for pause in [2, 4, 8, 16] {
                await bench.tick(pause - 1)
                #expect(bench.server.requests(Bench.events).count == seen, "not before \(pause) s are over")
                await bench.tick()
                seen += 1
                #expect(bench.server.requests(Bench.events).count == seen)
            }
            let requests = bench.server.requests(Bench.events)
            #expect(Set(requests.map(\.body)).count == 1)
            #expect(requests.map { $0.header("statsig-retry-count") } == ["0", "1", "2", "3", "4"])
            #expect(
                Set(requests.map { $0.header("idempotency-key") }).count == 1,
                "one batch, however often it is sent"
            )
            await bench.tick(64)
            #expect(bench.server.requests(Bench.events).count == 5)
            #expect(client.eventStatistics.dropped == [.retriesExhausted: 3])
            #expect(log.lines.count { $0.hasPrefix("warning Events were dropped") } == 1)

            // The next batch tells the server of the loss, and of the interval that the failures made.
            bench.server.on(Bench.events, .ok("{}"))
            self.log(3..<4, to: client)
            await client.flush()
            let metadata = bench.server.requests(Bench.events).last?.json["statsigMetadata"]
            #expect(metadata?["droppedEventCount"] == 3)
            #expect(metadata?["flushingIntervalMs"] == 32_000)
            for _ in 0..<6 {
                self.log(3..<4, to: client)
                await client.flush()
            }
            let last = bench.server.requests(Bench.events).last?.json["statsigMetadata"]
            #expect(last?["flushingIntervalMs"] == 1_000)
            #expect(last?["droppedEventCount"] == nil)
            await client.shutdown()
        }
    }

    @Test(.rows("EVT-35"), arguments: [400, 403, 405, 413, 429, 501])
    func `drops at once what the server refuses for good`(status: Int) async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.events, .status(status))
            let client = bench.makeClient()
            await client.initialize()
            log(0..<2, to: client)
            await client.flush()
            await client.flush()
            #expect(bench.server.requests(Bench.events).count == 1)
            #expect(client.eventStatistics.dropped == [.refused: 2])
            await client.shutdown()
        }
    }

    @Test(
        .rows("EVT-36, EVT-37"),
        arguments: [("", 204, true), ("OK", 200, true), (#"{"success":false}"#, 200, false)]
    )
    func `takes a good status for a yes, unless the body says no`(body: String, status: Int, isTaken: Bool) async throws
    {
        try await Bench.run { bench in
            bench.server.on(Bench.events, .reply(status: status, body: Array(body.utf8)))
            let client = bench.makeClient()
            await client.initialize()
            log(0..<1, to: client)
            await client.flush()
            #expect(client.eventStatistics.sent == (isTaken ? 1 : 0))
            #expect(client.eventStatistics.waiting == (isTaken ? 0 : 1))
            await client.shutdown()
        }
    }

    @Test(.rows("EVT-38, FAI-12")) func `drops the oldest when too many wait, and counts them`() async throws {
        let log = RecordingLog()
        try await Bench.run { bench in
            bench.server.on(Bench.events, .later(.ok("{}")))
            let client = bench.makeClient {
                $0.eventBatchSize = 10
                $0.maxPendingBatches = 2
                $0.logger = log.logger
            }
            await client.initialize()
            self.log(0..<10, to: client)
            _ = await bench.server.requests(Bench.events, count: 1)
            self.log(10..<215, to: client)
            let statistics = client.eventStatistics
            // 10 on their way, 2 batches, and those of a batch that is not full.
            #expect(statistics.dropped == [.overflow: 180])
            #expect(log.lines.count { $0.hasPrefix("warning Events were dropped") } == 1)
            bench.server.on(Bench.events, .ok("{}"))
            bench.server.release()
            await client.flush()
            #expect(names(bench) == (0..<10).map { "e\($0)" } + (190..<215).map { "e\($0)" })
            #expect(client.eventStatistics.sent == 35)
            await client.shutdown()
        }
    }

    @Test(.rows("EVT-38")) func `stays within its bytes, whatever users look like`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.events, .status(500))
            let client = bench.makeClient { $0.maxEventBytes = 1 << 20 }
            await client.initialize()
            let large = FloodgateUser(userID: "u1", custom: ["x": .string(String(repeating: "x", count: 100_000))])
            for _ in 0..<100 { client.logEvent("e", for: large) }
            #expect(client.eventStatistics.waiting <= 16)
            let huge = FloodgateUser(userID: "u1", custom: ["x": .string(String(repeating: "x", count: 2 << 20))])
            client.logEvent("e", for: huge)
            let statistics = client.eventStatistics
            #expect(statistics.dropped[.tooLarge] == 1)
            #expect(statistics.droppedInAll + statistics.waiting == 101)
            await client.shutdown()
        }
    }

    @Test(.rows("EVT-39")) func `never waits for the server`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.events, .hang)
            let client = bench.makeClient { $0.eventBatchSize = 100 }
            await client.initialize()
            for number in 0..<20_000 { _ = client.checkGate("open", for: FloodgateUser(userID: "u\(number)")) }
            #expect(bench.server.requests(Bench.events).count <= 1)
            async let end: Void = client.shutdown()
            await bench.clock.pass(.seconds(3))
            await end
            let statistics = client.eventStatistics
            #expect(statistics.sent + statistics.droppedInAll == 20_000)
        }
    }

    @Test(.rows("EVT-44")) func `loses count of nothing under load from many threads`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.eventBatchSize = 50
                $0.maxPendingBatches = 5
            }
            await client.initialize()
            await withTaskGroup { group in
                for thread in 0..<8 {
                    group.addTask {
                        for number in 0..<2_000 {
                            client.logEvent("e", for: FloodgateUser(userID: "u\(thread)-\(number)"))
                        }
                    }
                }
            }
            await client.shutdown()
            let statistics = client.eventStatistics
            #expect(statistics.sent + statistics.droppedInAll == 16_000)
            #expect(bench.server.events.count == statistics.sent)
            #expect(statistics.waiting == 0)
        }
    }

    @Test(.rows("EVT-46")) func `polls in time while events do not get through`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.events, .hang)
            let client = bench.makeClient { $0.eventBatchSize = 10 }
            await client.initialize()
            log(0..<100, to: client)
            _ = await bench.server.requests(Bench.events, count: 1)
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            async let end: Void = client.shutdown()
            await bench.clock.pass(.seconds(3))
            await end
        }
    }
}
