// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs
import HTTPTypes
import NIOCore
import Synchronization
import Testing

@Suite("OpenFeature's stream of changes", .timeLimit(.minutes(1))) struct FlagStreamTests {
    /// Reads what is written, part by part.
    private final class Reader: AnswerWriter {
        private let parts = AsyncStream.makeStream(of: String.self)

        func write(_ part: ByteBuffer) async throws { parts.continuation.yield(String(buffer: part)) }
        /// The next part.
        func next() async -> String? { await parts.stream.first { _ in true } }
    }

    /// Reads the server's stream for as long as `body` runs.
    private func follow(
        _ server: TestServer,
        _ path: String = "/ofrep/v1/stream",
        key: KeyKind? = .client,
        headers: HTTPFields = [:],
        _ body: (Reader) async throws -> Void
    ) async throws {
        let answer = try await server.open(.get, path, key: key, headers: headers)
        #expect(answer.head.status == .ok)
        #expect(answer.head.headerFields[.contentType] == "text/event-stream")
        #expect(answer.head.headerFields[.cacheControl] == "no-store")
        guard case .events(let terms) = answer.body else {
            Issue.record("The stream has an end")
            return
        }
        let reader = Reader()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await terms.write(to: reader) }
            #expect(await reader.next()?.hasPrefix("retry: ") == true)
            try await body(reader)
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
    }

    private func change(_ server: TestServer, enabled: Bool) async throws {
        server.clock.advance(milliseconds: 1_000)
        _ = try await server.server.control.setGate("free_returns", enabled: enabled, by: Change(actor: "test"))
        try await server.publish()
    }

    /// The members of an event, and the one that says what it is about.
    private func event(_ part: String?) throws -> (id: String, data: JSONValue) {
        let part = try #require(part)
        #expect(part.hasSuffix("\n\n"))
        let lines = part.split(separator: "\n")
        #expect(lines.first == "event: message")
        let id = try #require(lines.first { $0.hasPrefix("id: ") })
        let data = try #require(lines.first { $0.hasPrefix("data: ") })
        return (String(id.dropFirst(4)), try JSONValue(parsing: String(data.dropFirst(6))))
    }

    @Test func `says what is new at once, and whenever something is published`() async throws {
        let server = try await TestServer()
        try await follow(server) { parts in
            var last = ""
            for (round, isEnabled) in [true, false, true].enumerated() {
                if round > 0 { try await change(server, enabled: isEnabled) }
                let (id, data) = try event(await parts.next())
                let document = try await server.server.control.currentDocument(environment: "production").document
                #expect(data["type"] == "refetchEvaluation")
                #expect(data["lastModified"]?.integerValue == Int64(document.time / 1_000))
                #expect(data["etag"]?.stringValue?.hasPrefix(document.checksum ?? "?") == true)
                #expect(id != last)
                last = id
            }
        }
    }

    @Test func `says nothing to who knows it, and what was missed to who was away`() async throws {
        let server = try await TestServer()
        var id = ""
        try await follow(server) { parts in id = try event(await parts.next()).id }
        let lastEventID = try #require(HTTPField.Name("last-event-id"))
        try await follow(server, headers: [lastEventID: id]) { parts in
            try await change(server, enabled: false)
            let first = try event(await parts.next()).id
            #expect(first != id, "of the change, not of what is known")
        }
        try await follow(server, headers: [lastEventID: id]) { parts in
            let first = try event(await parts.next()).id
            #expect(first != id)
        }
    }

    @Test func `takes the key from the address, for browsers`() async throws {
        let server = try await TestServer()
        try await follow(server, "/ofrep/v1/stream?k=" + server.key(.client), key: nil) { parts in
            _ = try event(await parts.next())
        }
        #expect(try await server.send(.get, "/ofrep/v1/stream").status == .unauthorized)
    }

    @Test func `shares its places with the streams of specs`() async throws {
        let server = try await TestServer { $0.streams = 2 }
        let specs = try await server.open(.get, "/v2/stream_config_specs", key: .server)
        var flags: OutboundAnswer? = try await server.open(.get, "/ofrep/v1/stream", key: .client)
        #expect(specs.head.status == .ok && flags?.head.status == .ok)
        let refused = try await server.send(.get, "/ofrep/v1/stream", key: .client)
        #expect(refused.status == .serviceUnavailable)
        #expect((5...30).contains(Int(refused.headers[.retryAfter] ?? "") ?? 0))
        flags = nil
        #expect(try await server.open(.get, "/ofrep/v1/stream", key: .client).head.status == .ok)
    }

    @Test func `may be none at all`() async throws {
        let server = try await TestServer { $0.streams = 0 }
        for (path, kind) in [("/ofrep/v1/stream", .client), ("/v2/stream_config_specs", .server)] as [(String, KeyKind)]
        {
            #expect(try await server.send(.get, path, key: kind).status == .serviceUnavailable)
        }
    }

    @Test func `asks at once for what the stream told of`() async throws {
        let server = try await TestServer()
        let before = try await server.send(.post, "/ofrep/v1/evaluate/flags", key: .client, body: "{}")
        try await follow(server) { parts in
            let data = try event(await parts.next()).data
            let query =
                "flagConfigEtag=\(data["etag"]?.stringValue ?? "")&flagConfigLastModified=\(data["lastModified"]?.integerValue ?? 0)"
            let again = try await server.send(.post, "/ofrep/v1/evaluate/flags?\(query)", key: .client, body: "{}")
            #expect(again.status == .ok)
            #expect(again.text == before.text, "hints are no validators of the answer")
        }
    }

    // MARK: Without a server

    private let board = SnapshotBoard()
    private let lists = IDListBoard()

    private func snapshot(_ time: UInt64, environment: String = "production") throws -> PreparedSnapshot {
        let document = try #require(
            try SpecDocument.read([
                "has_updates": true, "time": .integer(Int64(time)), "checksum": .string("c\(time)"),
                "feature_gates": [], "dynamic_configs": [], "layer_configs": [],
            ])
        )
        return try PreparedSnapshot(document, environment: environment, receivedAt: 0)
    }

    /// What the feed's newest event is of; nil if there is none.
    private func newest(_ bell: ChangeBell) throws -> String? {
        try bell.version(of: "production").map { try event($0.event).id }
    }

    @Test func `tells only of what can change an answer, lists of ids included`() throws {
        let bell = ChangeBell(snapshots: board, idLists: lists)
        bell.ring()
        #expect(bell.feed(of: "production", lastEventID: nil) == nil)
        board.post(try snapshot(1_000))
        bell.ring()
        let first = bell.feed(of: "production", lastEventID: nil)?.feed.newest?.number
        #expect(try newest(bell) == "1000-c1000")

        // Another environment, a new key: not of this one.
        board.post(try snapshot(9_000, environment: "development"))
        bell.ring()
        bell.ring()
        #expect(bell.feed(of: "production", lastEventID: nil)?.feed.newest?.number == first)

        var ids: [String] = []
        for content in ["+aaaaaaaa\n", "+aaaaaaaa\n+bbbbbbbb\n"] {
            lists.post([IDListFile(name: "staff", fileID: "f1", creationTime: 1, content: Array(content.utf8))])
            bell.ring()
            ids.append(try #require(try newest(bell)))
        }
        #expect(Set(ids).count == 2)
        #expect(ids.allSatisfy { $0.hasPrefix("1000-c1000-") })
        #expect(
            bell.feed(of: "production", lastEventID: ids[1])?.held
                == bell.feed(of: "production", lastEventID: nil)?.feed.newest?.number
        )
        #expect(bell.feed(of: "production", lastEventID: ids[0])?.held == nil)
    }

    @Test func `a node that is behind waits for what its client was told of, and not for what cannot be`() async throws
    {
        let bell = ChangeBell(snapshots: board, idLists: lists)
        board.post(try snapshot(1_000_000))
        bell.ring()
        let old = try #require(bell.version(of: "production"))
        board.post(try snapshot(1_002_000))
        bell.ring()
        let new = try #require(bell.version(of: "production"))
        let now: Int64 = 1_002_500
        func hint(_ etag: String?, _ time: Int64?) -> FlagHint { FlagHint(etag: etag, lastModified: time) }
        #expect(hint(new.etag, new.lastModified).isAhead(of: old, at: now))
        #expect(!hint(new.etag, new.lastModified).isAhead(of: new, at: now))
        #expect(!hint(old.etag, old.lastModified).isAhead(of: new, at: now))
        #expect(hint("c1002001", new.lastModified).isAhead(of: new, at: now), "of the same second")
        #expect(!hint("x", 2_000_000).isAhead(of: new, at: now), "of a time that has not come")
        #expect(!hint("x", nil).isAhead(of: new, at: now))
    }

    @Test func `waits no longer than until the version is there`() async throws {
        let bell = ChangeBell(snapshots: board, idLists: lists)
        board.post(try snapshot(1_000_000))
        bell.ring()
        let next = try snapshot(1_002_000)
        let hint = FlagHint(etag: next.checksum, lastModified: 1_002)
        let patience = HintPatience(time: .seconds(50))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await patience.wait(for: hint, of: "production", on: bell) { 1_003_000 } }
            while patience.count == 0 { await Task.yield() }
            board.post(next)
            bell.ring()
            try await group.waitForAll()
        }
        // And not at all for what is there already.
        await patience.wait(for: hint, of: "production", on: bell) { 1_003_000 }
        #expect(patience.count == 0)
    }
}
