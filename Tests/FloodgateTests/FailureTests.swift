// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// Rows FAI of the checklist: nothing that a server does harms the program.
@Suite("Hostile servers", .serialized, .timeLimit(.minutes(5))) struct FailureTests {
    let user = FloodgateUser(userID: "u1")

    static let ok = Array("HTTP/1.1 200 OK\r\n".utf8)
    private static let zeros = [UInt8](repeating: 0, count: 70 << 20)

    static func answer(_ kind: String) throws -> ScriptedServer.Answer {
        let body = TestDocument(checksum: "2", gates: [:]).bytes
        let zipped = try Compressed.gzip(body)
        let gzip = [("content-encoding", "gzip")]
        return switch kind {
        case "no answer": .rawThenClose([])
        case "no body": .rawThenClose(ok + Array("content-length: 100\r\n\r\n".utf8))
        case "half a body": .rawThenClose(ok + Array("content-length: 100\r\n\r\n{".utf8))
        case "broken chunks": .rawThenClose(ok + Array("transfer-encoding: chunked\r\n\r\nzz\r\n".utf8))
        case "no HTTP": .rawThenClose(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8))
        case "cut gzip": .reply(headers: gzip, body: Array(zipped.dropLast(12)))
        case "gzip with something behind": .reply(headers: gzip, body: zipped + [1, 2, 3])
        case "no gzip": .reply(headers: gzip, body: body)
        case "gzip bomb": .reply(headers: gzip, body: try Compressed.gzip(zeros))
        case "unknown encoding": .reply(headers: [("content-encoding", "br")], body: body)
        case "huge length": .raw(ok + Array("content-length: 10000000000\r\n\r\n".utf8))
        case "endless body": .endless(ok + Array("\r\n".utf8), [UInt8](repeating: 32, count: 1 << 20))
        case "endless headers": .endless(ok, Array("x-more: \(String(repeating: "x", count: 4096))\r\n".utf8))
        case "deep nesting": .ok(String(repeating: "[", count: 10_000))
        case "out of range": .ok(#"{"has_updates":true,"time":1e400}"#)
        case "HTML": .reply(headers: [("content-type", "text/html")], body: Array("<html></html>".utf8))
        case "redirect to nowhere": .reply(status: 302, headers: [("location", "http://[")], body: [])
        default: .ok("")
        }
    }

    static let kinds: [(String, ClientError.Code)] = [
        ("no answer", .network), ("no body", .network), ("half a body", .network), ("broken chunks", .network),
        ("no HTTP", .network), ("endless headers", .network), ("cut gzip", .answer),
        ("gzip with something behind", .answer), ("no gzip", .answer), ("gzip bomb", .answer),
        ("unknown encoding", .answer), ("huge length", .answer), ("endless body", .answer),
        ("redirect to nowhere", .answer), ("deep nesting", .document), ("out of range", .document),
        ("HTML", .document), ("empty body", .document),
    ]

    @Test(.rows("FAI-03, FAI-04, FAI-11, FAI-15"), arguments: kinds)
    func `gives a bad answer up by itself`(kind: String, code: ClientError.Code) async throws {
        let hostile = try Self.answer(kind)
        try await Bench.run { bench in
            bench.server.on(Bench.specs, hostile)
            let client = bench.makeClient()
            // Time stands still, so this is not the deadline's doing.
            #expect(await client.initialize().failure?.code == code)
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-03, FAI-04, FAI-11, FAI-15"), arguments: kinds)
    func `keeps its document and goes on polling`(kind: String, code: ClientError.Code) async throws {
        let hostile = try Self.answer(kind)
        try await Bench.run { bench in
            let client = bench.makeClient { $0.bootstrap = TestDocument(gates: ["open": true]).bytes }
            await client.initialize()
            bench.server.on(Bench.specs) { _ in
                let isFirst = bench.server.requests(Bench.specs).isEmpty
                return isFirst ? hostile : .ok(TestDocument(checksum: "3", gates: ["open": true, "new": true]).text)
            }
            await bench.passInterval()
            if code == .network {
                // The poll is repeated at once; a document that does not read is asked for at the next one.
                await bench.clock.pass(.milliseconds(100))
                await bench.clock.isAsked(for: .seconds(10))
            } else {
                await bench.clock.isAsked(for: .seconds(10))
                #expect(client.gate("open", for: user).details.reason.wireName == "Bootstrap:Recognized")
                await bench.poll()
            }
            #expect(client.checkGate("new", for: user))
            #expect(bench.server.requests(Bench.specs).count == 2)
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-03, FAI-04, FAI-12, EVT-36"), arguments: kinds)
    func `keeps its events until an answer is a yes`(kind: String, code: ClientError.Code) async throws {
        let hostile = try Self.answer(kind)
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.events, hostile)
            client.logEvent("e", for: user)
            await client.flush()
            // A status of success counts, whatever else the answer says.
            #expect(client.eventStatistics.sent == (code == .document ? 1 : 0))
            #expect(client.eventStatistics.droppedInAll == 0)
            bench.server.on(Bench.events, .ok("{}"))
            await client.flush()
            #expect(client.eventStatistics.sent == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("IDL-10, FAI-03, FAI-04"), arguments: kinds)
    func `goes on without ID lists when the manifest is bad`(kind: String, code: ClientError.Code) async throws {
        let hostile = try Self.answer(kind)
        try await Bench.run { bench in
            bench.server.on(Bench.lists, hostile)
            let client = bench.makeClient { $0.enableIDLists = true }
            let details = await client.initialize()
            #expect(details.isReady)
            #expect(details.areIDListsReady == false)
            #expect(client.checkGate("open", for: user))
            bench.server.on(Bench.lists, .ok("{}"))
            await bench.clock.pass(.seconds(60))
            _ = await bench.server.requests(Bench.lists, count: 2)
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-05, SYN-22")) func `gives up an answer that drips`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .raw(Self.ok + Array("content-length: 1000\r\n\r\n{".utf8)))
            let client = bench.makeClient { $0.initTimeout = .seconds(20) }
            async let details = client.initialize()
            _ = await bench.server.requests(Bench.specs, count: 1)
            await bench.clock.pass(.seconds(9))
            #expect(await details.failure?.code == .timeout)
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-05, IDL-10"), arguments: [Bench.lists, "/list"])
    func `gives up ID lists that drip`(path: String) async throws {
        try await Bench.run { bench in
            let url = bench.server.url
            bench.server.on(Bench.lists, .ok(#"{"vips":{"size":100,"fileID":"f","url":"\#(url)/list"}}"#))
            bench.server.on(path, .raw(Self.ok + Array("content-length: 100\r\n\r\n+".utf8)))
            let client = bench.makeClient {
                $0.enableIDLists = true
                $0.initTimeout = .seconds(20)
            }
            async let details = client.initialize()
            _ = await bench.server.requests(path, count: 1)
            await bench.clock.pass(.seconds(9))
            #expect(await details.isReady)
            #expect(await details.areIDListsReady == false)
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-03, SYN-16")) func `takes no events or manifest elsewhere, and follows no circle of files`()
        async throws
    {
        try await Bench.run { bench in
            let url = bench.server.url
            func circle(_ path: String) -> ScriptedServer.Answer {
                .reply(status: 302, headers: [("location", path)], body: [])
            }
            bench.server.on(Bench.lists, .ok(#"{"vips":{"size":100,"fileID":"f","url":"\#(url)/list"}}"#))
            bench.server.on("/list", circle("/list"))
            bench.server.on(Bench.events, circle(Bench.events))
            let client = bench.makeClient { $0.enableIDLists = true }
            #expect(await client.initialize().areIDListsReady == false)
            #expect(bench.server.requests("/list").count == 11)
            bench.server.on(Bench.lists, circle(Bench.lists))
            await bench.clock.pass(.seconds(60))
            await bench.clock.isAsked(for: .seconds(60))
            #expect(bench.server.requests(Bench.lists).count == 2)
            client.logEvent("e", for: user)
            await client.flush()
            #expect(bench.server.requests(Bench.events).count == 1)
            #expect(client.eventStatistics.waiting == 1)
            bench.server.on(Bench.events, .ok("{}"))
            await client.shutdown()
        }
    }

    @Test(
        .rows("FAI-10"),
        arguments: ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "yesterday"]
    )
    func `takes no notice of what the server thinks the time is`(date: String) async throws {
        try await Bench.run { bench in
            let headers = [("date", date)]
            bench.server.on(Bench.specs, .reply(headers: headers, body: TestDocument().bytes))
            bench.server.on(Bench.events, .reply(headers: headers, body: Array("{}".utf8)))
            let client = bench.makeClient()
            await client.initialize()
            await client.flush()
            let document = TestDocument(checksum: "2", gates: ["new": true])
            bench.server.on(Bench.specs, .reply(headers: headers, body: document.bytes))
            await bench.poll()
            #expect(client.specsStatus.checksum == "2")
            client.logEvent("e", for: user)
            await client.flush()
            #expect(bench.server.events.compactMap { $0["time"]?.integerValue } == [ManualClock.start + 10_000])
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-03")) func `goes on when the host has no address or speaks no TLS`() async throws {
        try await Bench.run { bench in
            for server in ["http://does-not-exist.invalid", bench.server.url.replacing("http:", with: "https:"), "::"] {
                let client = FloodgateClient(key: "secret-x", options: options(server))
                let details = await client.initialize()
                #expect(!details.isReady)
                #expect(details.failure?.code == .network)
                #expect(!client.checkGate("open", for: user))
                await client.shutdown()
            }
        }
    }

    private func options(_ server: String) -> FloodgateClient.Options {
        var options = FloodgateClient.Options()
        options.server = server
        options.disableAllLogging = true
        options.logger = RecordingLog().logger
        return options
    }

    private func gate(_ document: TestDocument, _ name: String) async -> FeatureGate? {
        var options = FloodgateClient.Options()
        options.bootstrap = document.bytes
        options.disableNetwork = true
        options.logger = RecordingLog().logger
        let client = FloodgateClient(key: "secret-x", options: options)
        let details = await client.initialize()
        return details.isReady ? client.gate(name, for: user) : nil
    }

    private func withGates(_ change: (inout JSONObject) -> Void) -> TestDocument {
        var gates = TestDocument().value["feature_gates"]?.objectValue ?? [:]
        change(&gates)
        return TestDocument(extra: ["feature_gates": .object(gates)])
    }

    @Test(.rows("FAI-06")) func `drops a broken gate alone`() async {
        let document = withGates { $0["closed"] = ["type": "feature_gate"] }
        #expect(await gate(document, "closed")?.details.reason.wireName == "Bootstrap:Unrecognized")
        #expect(await gate(document, "open")?.value == true)
    }

    @Test(
        .rows("FAI-16"),
        arguments: [
            ["condition_map": ["c": ["type": "public"]]], ["condition_map": ["c": ["idType": "userID"]]],
            ["time": "1"], ["checksum": 1], ["sdk_configs": []],
        ] as [JSONObject]
    )
    func `refuses a document whose frame is broken`(extra: JSONObject) async {
        #expect(await gate(TestDocument(extra: extra), "open") == nil)
    }

    @Test(.rows("FAI-07, FAI-08, FAI-17")) func `evaluates whatever rules say`() async {
        let document = withGates { gates in
            gates["unknown"] = TestDocument.spec(
                "feature_gate",
                default: false,
                rules: [TestDocument.rule("r", condition: "none", returns: true)]
            )
            gates["open"] = TestDocument.spec(
                "feature_gate",
                default: false,
                rules: [TestDocument.rule("r", condition: "pass_open", returns: true)]
            )
            gates["absurd"] = TestDocument.spec(
                "feature_gate",
                default: false,
                rules: [TestDocument.rule("r", condition: "public", returns: true, percentage: .max)]
            )
        }
        #expect(await gate(document, "unknown")?.details.reason.wireName == "Bootstrap:Unsupported")
        #expect(await gate(document, "open")?.value == false, "a circle")
        #expect(await gate(document, "absurd") != nil)
    }

    @Test(.rows("FAI-15")) func `takes the last of members that have one name`() async {
        var options = FloodgateClient.Options()
        let text = TestDocument().text
        options.bootstrap = Array((text.dropLast() + #","time":7}"#).utf8)
        options.disableNetwork = true
        let client = FloodgateClient(key: "secret-x", options: options)
        #expect(await client.initialize().isReady)
        #expect(client.gate("open", for: user).details.time == 7)
    }

    @Test(.rows("OBS-12")) func `writes no key into its log`() async throws {
        let log = RecordingLog()
        try await Bench.run { bench in
            let client = bench.makeClient(key: "secret-very-secret") { $0.logger = log.logger }
            await bench.server.close()
            await client.initialize()
            client.logEvent("e", for: user)
            await client.shutdown()
            #expect(!log.lines.isEmpty)
            #expect(!log.lines.contains { $0.contains("very-secret") })
        }
    }
}
