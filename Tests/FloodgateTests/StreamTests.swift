// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import FloodgateSnapshots
import Testing

/// The stream of changes against a server; the counterpart of the checklist's rows on gRPC streams.
@Suite("Streaming", .timeLimit(.minutes(5))) struct StreamTests {
    static let path = "/v2/stream_config_specs"
    let user = FloodgateUser(userID: "u1")

    private func document(_ step: Int64, _ gates: [String: Bool] = ["new": true]) -> TestDocument {
        TestDocument(time: 1_750_000_000_000 + step, checksum: "c\(step)", gates: gates)
    }

    private func event(_ name: String, _ data: String) -> String { "event: \(name)\ndata: \(data)\n\n" }

    /// A client whose stream is open.
    private func withStream(
        _ change: @Sendable (inout FloodgateClient.Options) -> Void = { _ in },
        _ test: (Bench, FloodgateClient) async throws -> Void
    ) async throws {
        try await Bench.run { bench in
            bench.server.on(Self.path, .stream)
            let client = bench.makeClient { options in
                options.streaming = true
                // Its clock would be taken for the stream's.
                options.disableAllLogging = true
                change(&options)
            }
            await client.initialize()
            await bench.server.streams(count: 1)
            await isTrue { client.specsStatus.isStreaming }
            try await test(bench, client)
            await client.shutdown()
            #expect(bench.clock.sleeperCount == 0)
        }
    }

    private func isTrue(_ condition: () -> Bool) async {
        // A test whose time is over is cancelled.
        while !condition(), !Task.isCancelled { await Task.yield() }
    }

    @Test(.rows("SYN-27, SYN-28")) func `takes documents that come over the stream, and does not poll`() async throws {
        try await withStream { bench, client in
            let request = try #require(bench.server.requests(Self.path).first)
            #expect(request.uri == Self.path + "?sinceTime=1750000000000&checksum=1&deltas=1")
            #expect(request.header("accept") == "text/event-stream")
            #expect(request.header("accept-encoding") == "identity")
            #expect(request.header("statsig-api-key") == Bench.key)
            for step in 1...3 as ClosedRange<Int64> {
                await bench.server.push(": hb\n\n" + event("specs", document(step, ["gate\(step)": true]).text))
                await isTrue { client.checkGate("gate\(step)", for: user, options: .withoutExposure) }
            }
            #expect(client.gate("gate3", for: user).details.reason.wireName == "Network:Recognized")
            await bench.poll()
            #expect(bench.server.requests(Bench.specs).count == 1)
        }
    }

    @Test func `asks for ID lists when it hears that they have changed`() async throws {
        try await withStream {
            $0.enableIDLists = true
        } _: { bench, client in
            #expect(bench.server.requests(Bench.lists).count == 1)
            await bench.server.push(event("id_lists", #"{"time":1750000000001,"spread_ms":4000}"#))
            // Half of the spread, as this chance has it.
            await bench.clock.pass(.seconds(2))
            _ = await bench.server.requests(Bench.lists, count: 2)
            await bench.server.push(event("id_lists", "nonsense"))
            _ = await bench.server.requests(Bench.lists, count: 3)
            #expect(bench.server.requests(Bench.specs).count == 1, "specs have not changed")
        }
    }

    @Test func `asks for what is announced`() async throws {
        try await withStream { bench, client in
            bench.server.on(Bench.specs, .ok(document(1).text))
            let data = #"{"time":1750000000001,"checksum":"c1","spread_ms":4000}"#
            await bench.server.push(event("version", data))
            // Half of the spread, as this chance has it.
            await bench.clock.pass(.seconds(2))
            await isTrue { client.checkGate("new", for: user) }
            #expect(bench.server.requests(Bench.specs).last?.uri.contains("?sinceTime=1750000000000&") == true)
            await bench.server.push(event("version", data) + event("specs", document(2, ["newer": true]).text))
            await isTrue { client.checkGate("newer", for: user) }
            #expect(bench.server.requests(Bench.specs).count == 2, "what is held is not asked for")
        }
    }

    private func delta(from old: TestDocument, to new: TestDocument, _ more: JSONObject = [:]) -> String {
        let (base, result) = (SnapshotHash(of: old.bytes), SnapshotHash(of: new.bytes))
        var data = DocumentDelta(from: old.bytes, base, to: new.bytes, result).json
        data["time"] = .integer(new.time)
        data["checksum"] = .text(new.checksum)
        for member in more { data[member.name] = member.value }
        return event("delta", JSONValue.object(data).text)
    }

    @Test func `makes the next document of a change, and the one after that`() async throws {
        try await withStream { bench, client in
            var held = TestDocument()
            for step in 1...3 as ClosedRange<Int64> {
                let next = document(step, ["gate\(step)": true])
                await bench.server.push(delta(from: held, to: next))
                await isTrue { client.checkGate("gate\(step)", for: user, options: .withoutExposure) }
                held = next
            }
            #expect(client.specsStatus.checksum == "c3")
            #expect(bench.server.requests(Bench.specs).count == 1)
        }
    }

    @Test(arguments: ["of another document", "to something else", "in another form"])
    func `asks for the whole document when a change is of no use`(kind: String) async throws {
        try await withStream { bench, client in
            bench.server.on(Bench.specs, .ok(document(2).text))
            let more: JSONObject =
                switch kind {
                case "of another document": ["spread_ms": 4000]
                case "to something else": ["spread_ms": 4000, "parts": .array(["{}"])]
                default: ["spread_ms": 4000, "base": "soon"]
                }
            let old = kind == "of another document" ? document(1) : TestDocument()
            await bench.server.push(delta(from: old, to: document(2), more))
            await bench.clock.pass(.seconds(2))
            await isTrue { client.checkGate("new", for: user) }
            #expect(bench.server.requests(Bench.specs).count == 2)
        }
    }

    @Test func `polls for what was announced and could not be had`() async throws {
        try await withStream { bench, client in
            bench.server.on(Bench.specs, .status(500))
            await bench.server.push(event("version", #"{"time":1750000000001,"checksum":"c1","spread_ms":4000}"#))
            await bench.clock.pass(.seconds(2))
            for milliseconds in [100, 200, 400] { await bench.clock.pass(.milliseconds(milliseconds)) }
            _ = await bench.server.requests(Bench.specs, count: 5)
            bench.server.on(Bench.specs, .ok(document(1).text))
            await isTrue {
                bench.clock.advance(by: .seconds(10))
                return client.checkGate("new", for: user)
            }
        }
    }

    @Test func `asks once for many announcements, and again if a cache has not heard of the last`() async throws {
        try await withStream { bench, client in
            bench.server.on(Bench.specs, .ok(document(2, ["stale": true]).text))
            for step in 1...5 {
                await bench.server.push(
                    event("version", #"{"time":\#(1_750_000_000_000 + step),"checksum":"c\#(step)","spread_ms":6000}"#)
                )
            }
            await bench.clock.pass(.seconds(3))
            // What was announced last is asked for after its own pause, a repetition after a shorter one.
            await bench.clock.pass(.seconds(3))
            await bench.clock.isAsked(for: .milliseconds(100))
            #expect(client.checkGate("stale", for: user))
            bench.server.on(Bench.specs, .ok(document(5).text))
            await bench.clock.pass(.milliseconds(100))
            await isTrue { client.checkGate("new", for: user) }
            #expect(bench.server.requests(Bench.specs).count <= 4)
        }
    }

    @Test(arguments: [9, 10]) func `takes no older document, and no broken one`(kind: Int) async throws {
        try await withStream { bench, client in
            let bad = kind == 9 ? document(-1, ["old": true]).text : "{"
            await bench.server.push(event("specs", bad) + event("specs", document(1).text))
            await isTrue { client.checkGate("new", for: user) }
            #expect(!client.checkGate("old", for: user))
        }
    }

    @Test(.rows("SYN-29")) func `connects again with what it holds by then`() async throws {
        try await withStream { bench, client in
            await bench.server.push(event("specs", document(1).text))
            await isTrue { client.checkGate("new", for: user) }
            await bench.server.cutConnections()
            await bench.clock.pass(.milliseconds(500))
            let requests = await bench.server.requests(Self.path, count: 2)
            #expect(requests.last?.uri.hasSuffix("?sinceTime=1750000000001&checksum=c1&deltas=1") == true)
            await bench.server.streams(count: 1)
            await bench.server.push(event("specs", document(2, ["newer": true]).text))
            await isTrue { client.checkGate("newer", for: user) }
        }
    }

    @Test func `gives a silent stream up`() async throws {
        try await withStream { bench, _ in
            await bench.clock.pass(.seconds(75))
            await bench.clock.pass(.milliseconds(500))
            #expect(await bench.server.requests(Self.path, count: 2).count == 2)
        }
    }

    @Test func `polls while the stream cannot be had, and stops when it is back`() async throws {
        try await withStream { bench, client in
            bench.server.on(Self.path, .status(503))
            await bench.server.cutConnections()
            for milliseconds in [500, 1000, 2000] { await bench.clock.pass(.milliseconds(milliseconds)) }
            // Three failures: from now on polls bring what is new.
            await bench.clock.isAsked(for: .seconds(4))
            bench.server.on(Bench.specs, .ok(document(1).text))
            bench.server.on(Self.path, .stream)
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            await bench.server.streams(count: 1)
            var polls = bench.server.requests(Bench.specs).count
            for _ in 0..<7 {
                await bench.poll()
                await bench.server.push(": hb\n\n")
            }
            polls = bench.server.requests(Bench.specs).count
            for _ in 0..<3 { await bench.poll() }
            #expect(bench.server.requests(Bench.specs).count == polls)
        }
    }

    @Test(arguments: ["404", "403", "JSON", "204"]) func `polls where a server has no streams`(kind: String)
        async throws
    {
        try await Bench.run { bench in
            bench.server.on(Self.path, kind == "JSON" ? .ok("{}") : .status(Int(kind) ?? 0))
            let client = bench.makeClient {
                $0.streaming = true
                $0.disableAllLogging = true
            }
            await client.initialize()
            // Ten minutes, at this chance.
            await bench.clock.isAsked(for: .seconds(600))
            bench.server.on(Bench.specs, .ok(document(1).text))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            #expect(bench.server.requests(Self.path).count == 1)
            await client.shutdown()
        }
    }

    @Test(arguments: ["endless line", "endless data", "no HTTP", "endless headers", "broken chunks", "circle"])
    func `survives a hostile stream, and polls`(kind: String) async throws {
        let head = Array("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".utf8)
        let line = [UInt8](repeating: 120, count: 1 << 20)
        let answer: ScriptedServer.Answer =
            switch kind {
            case "endless line": .endless(head, line)
            case "endless data": .endless(head, Array("data:".utf8) + line + [10])
            case "circle": .reply(status: 302, headers: [("location", Self.path)], body: [])
            case "no HTTP": .rawThenClose(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8))
            case "endless headers": .endless(Array("HTTP/1.1 200 OK\r\n".utf8), Array("x: ".utf8) + line + [13, 10])
            default:
                .rawThenClose(
                    Array("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n".utf8)
                        + Array("transfer-encoding: chunked\r\n\r\nzz\r\n".utf8)
                )
            }
        try await Bench.run { bench in
            bench.server.on(Self.path, answer)
            let client = bench.makeClient {
                $0.streaming = true
                $0.disableAllLogging = true
            }
            await client.initialize()
            for milliseconds in [500, 1000] { await bench.clock.pass(.milliseconds(milliseconds)) }
            await bench.clock.isAsked(for: .seconds(2))
            bench.server.on(Bench.specs, .ok(document(1).text))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-05"), arguments: ["", "HTTP/1.1 200 OK\r\nx-drop"])
    func `gives up a stream whose answer does not begin, and polls`(begin: String) async throws {
        try await Bench.run { bench in
            bench.server.on(Self.path, .raw(Array(begin.utf8)))
            let client = bench.makeClient {
                $0.streaming = true
                $0.disableAllLogging = true
            }
            await client.initialize()
            for milliseconds in [500, 1000, 2000] {
                await bench.clock.pass(.seconds(9))
                await bench.clock.pass(.milliseconds(milliseconds))
            }
            await bench.clock.isAsked(for: .seconds(9))
            bench.server.on(Bench.specs, .ok(document(1).text))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            await client.shutdown()
        }
    }

    @Test func `connects to the next server when one is gone`() async throws {
        try await ScriptedServer.run { second in
            second.on(Self.path, .stream)
            let url = second.url
            try await withStream {
                $0.servers = [$0.server, url]
            } _: { bench, client in
                await bench.server.close()
                // An end like any other; only the next attempt shows that nobody is there any more.
                await bench.clock.pass(.milliseconds(500))
                await bench.clock.pass(.seconds(1))
                await second.streams(count: 1)
                await second.push(event("specs", document(1).text))
                await isTrue { client.checkGate("new", for: user) }
            }
        }
    }

    @Test(.rows("SYN-30, LIF-03")) func `ends the stream with the client`() async throws {
        try await withStream { bench, client in
            await client.shutdown()
            await isTrue { bench.server.connectionCount == 0 }
            bench.clock.advance(by: .seconds(100))
            #expect(bench.server.requests(Self.path).count == 1)
        }
    }

    @Test func `opens no stream unless asked to`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            await bench.poll()
            #expect(bench.server.requests(Self.path).isEmpty)
            await client.shutdown()
        }
    }
}
