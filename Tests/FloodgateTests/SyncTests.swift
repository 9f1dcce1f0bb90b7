// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// Rows SYN of the checklist.
@Suite("Polling", .timeLimit(.minutes(5))) struct SyncTests {
    let user = FloodgateUser(userID: "u1")

    @Test(.rows("SYN-01, SYN-02, SYN-03")) func `asks every interval for what is newer than it holds`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.specs, .ok(#"{"has_updates":false}"#))
            for _ in 0..<3 { await bench.poll() }
            let uris = bench.server.requests(Bench.specs).map(\.uri)
            let path = "/v2/download_config_specs/secret-test.json"
            #expect(uris == [path] + Array(repeating: path + "?sinceTime=1750000000000&checksum=1", count: 3))
            #expect(client.checkGate("open", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-01, SYN-23"), arguments: [(0.0, 900), (1.0, 1100)])
    func `spreads its polls by a tenth of the interval`(random: Double, milliseconds: Int) async throws {
        try await Bench.run { bench in
            let clock = ManualClock(random: random)
            let client = bench.makeClient(timing: clock.timing) { $0.pollInterval = .seconds(1) }
            await client.initialize()
            await clock.isAsked(for: .seconds(1) * (0.9 + 0.2 * random))
            await client.shutdown()
        }
    }

    @Test(
        .rows("SYN-04, SYN-05, SYN-06, SYN-07, SYN-26"),
        arguments: [
            (11, "2", true), (11, "1", false), (10, "2", true), (9, "2", false), (10, nil, true), (11, "", true),
        ] as [(Int64, String?, Bool)]
    )
    func `takes a document unless its checksum is the same or its time is older`(
        time: Int64,
        checksum: String?,
        isTaken: Bool
    ) async throws {
        try await Bench.run(TestDocument(time: 10)) { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.specs, .ok(TestDocument(time: time, checksum: checksum, gates: ["new": true]).text))
            await bench.poll()
            #expect(client.checkGate("new", for: user) == isTaken)
            #expect(client.gate("closed", for: user).details.reason.wireName.hasSuffix(":Unrecognized") == isTaken)
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-08, SYN-10, FAI-11"), arguments: [500, 503, 401, 404, 408])
    func `asks three more times when the server is in trouble`(status: Int) async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.specs, .status(status))
            await bench.passInterval()
            for milliseconds in [100, 200, 400] { await bench.clock.pass(.milliseconds(milliseconds)) }
            await bench.clock.isAsked(for: .seconds(10))
            #expect(bench.server.requests(Bench.specs).count == 1 + 4)
            #expect(client.checkGate("open", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-09, SYN-11"), arguments: [400, 403, 405, 413, 429, 501, 304, 204])
    func `asks no second time when the answer would be the same`(status: Int) async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.specs, .status(status))
            await bench.poll()
            #expect(bench.server.requests(Bench.specs).count == 2)
            #expect(client.checkGate("open", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-12")) func `keeps what it has when a document is broken, and says so once`() async throws {
        let log = RecordingLog()
        try await Bench.run { bench in
            let client = bench.makeClient { $0.logger = log.logger }
            await client.initialize()
            bench.server.on(Bench.specs, .ok("{"))
            await bench.poll()
            await bench.poll()
            #expect(bench.server.requests(Bench.specs).count == 3)
            #expect(client.checkGate("open", for: user))
            #expect(log.lines.count { $0.contains("Specs could not be updated") } == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-13")) func `recovers at the first poll after an outage`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.specs, .rawThenClose([]))
            for _ in 0..<10 {
                await bench.passInterval()
                for milliseconds in [100, 200, 400] { await bench.clock.pass(.milliseconds(milliseconds)) }
            }
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-15, EVT-43")) func `opens no connection without network`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.disableNetwork = true
                $0.enableIDLists = true
            }
            let details = await client.initialize()
            #expect(details.isSuccess)
            #expect(details.source == .noValues)
            #expect(details.failure == nil)
            client.logEvent("e", for: user)
            _ = client.checkGate("open", for: user)
            await client.flush()
            #expect(client.eventStatistics.waiting == 0)
            await client.shutdown()
            #expect(bench.server.requests("/").isEmpty)
        }
    }

    @Test(.rows("SYN-16")) func `follows redirects on the same host`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .reply(status: 302, headers: [("location", "/elsewhere?x=1")], body: []))
            bench.server.on("/elsewhere", .ok(TestDocument().text))
            let client = bench.makeClient()
            #expect(await client.initialize().isReady)
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-16, FAI-03")) func `follows no redirect to another host, nor in circles`() async throws {
        try await Bench.run { bench in
            try await ScriptedServer.run { other in
                let target = other.url + "/specs"
                bench.server.on(Bench.specs, .reply(status: 302, headers: [("location", target)], body: []))
                let client = bench.makeClient()
                #expect(await client.initialize().failure?.code == .answer)
                #expect(other.requests("/").isEmpty)

                bench.server.on(Bench.specs, .reply(status: 302, headers: [("location", Bench.specs)], body: []))
                await bench.poll()
                #expect(bench.server.requests(Bench.specs).count == 1 + 11)
                await client.shutdown()
            }
        }
    }

    @Test(.rows("SYN-19")) func `merges what documents say about the client itself`() async throws {
        let first: JSONObject = ["sdk_configs": ["exposure_dedupe_ttl_ms": 1000, "kept": 1]]
        try await Bench.run(TestDocument(extra: first)) { bench in
            let client = bench.makeClient()
            await client.initialize()
            for _ in 0..<2 {
                _ = client.checkGate("open", for: user)
                bench.clock.advance(by: .milliseconds(1500))
            }
            bench.server.on(
                Bench.specs,
                .ok(TestDocument(checksum: "2", extra: ["sdk_configs": ["exposure_dedupe_ttl_ms": 60_000]]).text)
            )
            await bench.poll()
            for _ in 0..<2 {
                _ = client.checkGate("open", for: user)
                bench.clock.advance(by: .milliseconds(1500))
            }
            await client.flush()
            #expect(bench.server.metadata(of: "statsig::gate_exposure").count == 2, "EVT-17")
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-22")) func `gives a poll up that hangs, and polls on`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.specs, .hang)
            await bench.passInterval()
            _ = await bench.server.requests(Bench.specs, count: 2)
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
            await bench.clock.pass(.seconds(9))
            await bench.clock.pass(.milliseconds(100))
            await bench.clock.isAsked(for: .seconds(10))
            #expect(client.checkGate("new", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-21")) func `answers while a document of 30 MB loads`() async throws {
        let value = JSONObject((0..<200).map { ("member\($0)", .string("a value of forty characters, to fill up")) })
        let rule = TestDocument.rule("r", condition: "public", returns: .object(value))
        let config = TestDocument.spec("dynamic_config", default: [:], rules: [rule]).text
        let configs = (0..<2_800).map { "\"big\($0)\":\(config)," }.joined()
        let small = TestDocument(checksum: "2", gates: ["new": true]).text
        let text = small.replacing("\"dynamic_configs\":{", with: "\"dynamic_configs\":{" + configs)
        #expect(text.utf8.count > 30_000_000)
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.specs, .later(.ok(text)))
            await bench.passInterval()
            _ = await bench.server.requests(Bench.specs, count: 2)
            bench.server.release()
            var checks = 0
            while !client.checkGate("new", for: user), !Task.isCancelled {
                #expect(client.checkGate("open", for: user) || client.checkGate("new", for: user))
                checks += 1
                await Task.yield()
            }
            #expect(checks > 0)
            #expect(client.dynamicConfig("big2799", for: user).value.count == 200)
            await client.shutdown()
        }
    }

    @Test(.rows("SYN-14, EVA-19")) func `shows each check one document as a whole while documents change`() async throws
    {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            await withTaskGroup { group in
                for thread in 0..<4 {
                    group.addTask {
                        for round in 0..<5_000 {
                            let user = FloodgateUser(userID: "u\(thread)-\(round % 100)")
                            let gate = client.gate("open", for: user)
                            // Even times open the gate, odd ones close it.
                            let time = gate.details.time ?? 0
                            if gate.value != (time % 2 == 0) { Issue.record("\(gate)") }
                        }
                    }
                }
                group.addTask {
                    for step in 1...100 {
                        let document = TestDocument(
                            time: 1_750_000_000_000 + Int64(step),
                            checksum: "c\(step)",
                            gates: ["open": step % 2 == 0]
                        )
                        bench.server.on(Bench.specs, .ok(document.text))
                        await bench.poll()
                    }
                }
            }
            #expect(client.gate("open", for: user).details.time == 1_750_000_000_100)
            await client.shutdown()
        }
    }
}
