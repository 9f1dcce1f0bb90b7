// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Synchronization
import Testing

/// Rows INI of the checklist.
@Suite("Initialisation", .timeLimit(.minutes(5))) struct InitializationTests {
    let user = FloodgateUser(userID: "u1")

    @Test(.rows("INI-01, INI-02, INI-03, INI-31")) func `asks once and returns when the document is in use`()
        async throws
    {
        try await Bench.run { bench in
            let client = bench.makeClient()
            let details = await client.initialize()
            #expect(details.isSuccess)
            #expect(details.isReady)
            #expect(details.source == .network)
            #expect(details.failure == nil)
            #expect(client.checkGate("open", for: user))

            let requests = bench.server.requests(Bench.specs)
            #expect(requests.map(\.uri) == ["/v2/download_config_specs/secret-test.json"])
            let request = try #require(requests.first)
            #expect(request.method == "GET")
            #expect(request.header("statsig-api-key") == Bench.key)
            #expect(request.header("statsig-sdk-type") == "floodgate-swift")
            #expect(request.header("statsig-sdk-version") != nil)
            #expect(request.header("statsig-server-session-id")?.count == 36)
            #expect(request.header("statsig-client-time") == String(ManualClock.start))
            #expect(request.header("accept-encoding") == "gzip", "nothing that cannot be decoded")
            await client.shutdown()
        }
    }

    @Test(.rows("INI-04, INI-07, INI-08, INI-13"), arguments: ["500", "html", "missing"])
    func `goes on without values when the first answer is bad, and asks no second time`(kind: String) async throws {
        var document = TestDocument().value.objectValue ?? [:]
        document["condition_map"] = nil
        let answer: ScriptedServer.Answer =
            switch kind {
            case "500": .status(500)
            case "html": .ok("<html>It works!</html>")
            default: .ok(JSONValue.object(document).text)
            }
        try await Bench.run { bench in
            bench.server.on(Bench.specs, answer)
            let client = bench.makeClient()
            let details = await client.initialize()
            #expect(details.isSuccess)
            #expect(!details.isReady)
            #expect(details.source == .noValues)
            #expect(details.failure?.code == (kind == "500" ? .status : .document))
            #expect(client.gate("open", for: user).details.reason.wireName == "NoValues")
            #expect(bench.server.requests(Bench.specs).count == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-05")) func `goes on without values when nobody listens`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await bench.server.close()
            let details = await client.initialize()
            #expect(details.source == .noValues)
            #expect(details.failure?.code == .network)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-06")) func `stays in loading when the first answer says that nothing is new`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .ok(#"{"has_updates":false}"#))
            let client = bench.makeClient()
            let details = await client.initialize()
            #expect(!details.isReady)
            #expect(details.source == .loading)
            #expect(details.failure == nil)
            #expect(client.gate("open", for: user).details.reason.wireName == "Loading:Unrecognized")
            await client.shutdown()
        }
    }

    @Test(.rows("INI-09")) func `ignores members that it does not know`() async throws {
        try await Bench.run(TestDocument(extra: ["something_new": ["a": 1]])) { bench in
            let client = bench.makeClient()
            #expect(await client.initialize().isReady)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-10, INI-11, INI-12"), arguments: [nil, 500])
    func `returns when its time is over and takes the answer that comes later`(milliseconds: Int?) async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .later(.ok(TestDocument().text)))
            let timeout: Duration = milliseconds.map { .milliseconds($0) } ?? .seconds(3)
            let client = bench.makeClient { options in
                if milliseconds != nil { options.initTimeout = timeout }
            }
            async let details = client.initialize()
            _ = await bench.server.requests(Bench.specs, count: 1)
            await bench.clock.pass(timeout)
            #expect(await !details.isSuccess)
            #expect(await details.failure?.message == "Initialization timed out")
            #expect(await details.duration == timeout)

            #expect(!client.checkGate("open", for: user))
            bench.server.release()
            await bench.clock.isAsked(for: .seconds(10))
            #expect(client.checkGate("open", for: user))
            #expect(bench.server.requests(Bench.specs).count == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-14")) func `is ready after the next poll when the server has healed`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .status(500))
            let client = bench.makeClient()
            #expect(await !client.initialize().isReady)
            bench.server.on(Bench.specs, .ok(TestDocument().text))
            await bench.passInterval()
            _ = await bench.server.requests(Bench.specs, count: 2)
            await bench.clock.isAsked(for: .seconds(10))
            #expect(client.isReady)
            #expect(client.checkGate("open", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("INI-15, FAI-01")) func `answers defaults before it is initialised`() {
        let client = FloodgateClient(key: "")
        let nobody = FloodgateUser()
        #expect(!client.checkGate("", for: nobody))
        #expect(client.gate("open", for: nobody).details.reason.wireName == "Uninitialized")
        #expect(client.dynamicConfig("config", for: nobody).string("text", default: "x") == "x")
        #expect(client.experiment("e", for: nobody).groupName == nil)
        #expect(client.layer("l", for: nobody).int("rows", default: 7) == 7)
        #expect(client.parameterStore("s", for: nobody).bool("b", default: true))
        #expect(!client.isInitialized)
    }

    @Test(.rows("GCI-08")) func `has a client response before it is initialised`() {
        let response = FloodgateClient(key: "").clientInitializeResponse(for: user)
        #expect(response["has_updates"] == true)
        #expect(response["feature_gates"]?.objectValue?.isEmpty == true)
        #expect(response["time"]?.integerValue == 0)
    }

    @Test(.rows("INI-16, INI-18")) func `loads once for callers that come together`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            #expect(!client.isInitialized)
            async let first = client.initialize()
            async let second = client.initialize()
            let details = await [first, second]
            #expect(details.allSatisfy { $0.isSuccess && $0.isReady })
            #expect(client.isInitialized)
            #expect(bench.server.requests(Bench.specs).count == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-17, FAI-14"), arguments: ["", "client-x", "a b/c?d", "x\r\nevil: 1"])
    func `sends any key as it is, and no header line within it`(key: String) async throws {
        try await Bench.run { bench in
            let client = bench.makeClient(key: key)
            await client.initialize()
            let request = try #require(bench.server.requests("/").first)
            #expect(request.header("statsig-api-key") == key.filter { $0 != "\r\n" })
            #expect(request.header("evil") == nil)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-19, INI-20, USR-06"), arguments: ["development", nil])
    func `takes the tier of its options, else of the first document`(tier: String?) async throws {
        try await Bench.run(TestDocument(extra: ["default_environment": "staging"])) { bench in
            let client = bench.makeClient { $0.environment = tier }
            await client.initialize()
            client.logEvent("e", for: user)
            var own = user
            own.statsigEnvironment = ["tier": "own"]
            client.logEvent("e", for: own)
            await client.flush()
            let tiers = bench.server.events.map { $0["user"]?["statsigEnvironment"]?["tier"]?.stringValue }
            #expect(tiers == [tier ?? "staging", "own"])
            await client.shutdown()
        }
    }

    @Test(.rows("INI-21"), arguments: ["", "null"]) func `takes an empty address as not set`(address: String)
        async throws
    {
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.specsURL = address
                $0.server += "/"
            }
            #expect(await client.initialize().isReady)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-22, INI-23, INI-24")) func `replaces what is out of range by the default, with a warning`()
        async throws
    {
        let log = RecordingLog()
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.pollInterval = .milliseconds(10)
                $0.eventBatchSize = 5
                $0.maxPendingBatches = 0
                $0.logger = log.logger
            }
            #expect(log.lines.count == 3)
            #expect(log.lines.allSatisfy { $0.hasPrefix("warning An option is out of range") })
            await client.initialize()
            await bench.clock.isAsked(for: .seconds(10))
            await client.shutdown()
        }
    }

    @Test(.rows("INI-25, SYN-02")) func `uses the bytes it was given and asks for what is newer`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient { $0.bootstrap = TestDocument(time: 5, checksum: "c 1").bytes }
            let details = await client.initialize()
            #expect(details.isReady)
            #expect(details.source == .bootstrap)
            #expect(client.gate("open", for: user).details.reason.wireName == "Bootstrap:Recognized")
            #expect(bench.server.requests(Bench.specs).isEmpty)
            await bench.passInterval()
            let polls = await bench.server.requests(Bench.specs, count: 1)
            #expect(polls.first?.uri.hasSuffix("?sinceTime=5&checksum=c%201") == true)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-26")) func `says what is wrong with the bytes it was given`() async {
        var options = FloodgateClient.Options()
        options.bootstrap = Array("nonsense".utf8)
        options.disableNetwork = true
        let client = FloodgateClient(key: "secret-x", options: options)
        let details = await client.initialize()
        #expect(!details.isReady)
        #expect(details.source == .noValues)
        #expect(details.failure?.code == .document)
        await client.shutdown()
    }

    @Test(.rows("INI-30"), arguments: ["plain", "gzip", "chunked"])
    func `reads every encoding that it asks for`(encoding: String) async throws {
        let body = TestDocument().bytes
        let answer: ScriptedServer.Answer =
            switch encoding {
            case "gzip": .reply(headers: [("content-encoding", "gzip")], body: try Compressed.gzip(body))
            case "chunked": .raw(Compressed.chunked(body))
            default: .reply(body: body)
            }
        try await Bench.run { bench in
            bench.server.on(Bench.specs, answer)
            let client = bench.makeClient()
            #expect(await client.initialize().isReady)
            await client.shutdown()
        }
    }

    @Test(.rows("INI-32")) func `installs a document of time zero without being ready`() async throws {
        try await Bench.run(TestDocument(time: 0)) { bench in
            let client = bench.makeClient()
            #expect(await !client.initialize().isReady)
            #expect(client.checkGate("open", for: user))
            await client.shutdown()
        }
    }
}
