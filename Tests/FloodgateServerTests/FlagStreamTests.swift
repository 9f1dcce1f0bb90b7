// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import Testing

@Suite("OpenFeature's stream of changes", .timeLimit(.minutes(1))) struct FlagStreamTests {
    /// Reads what is written, part by part; waits with each write until it was read if it is told to.
    private final class Reader: AnswerWriter, ResponseBodyWriter {
        private let parts = AsyncStream.makeStream(of: String.self)

        func write(_ part: ByteBuffer) async throws { parts.continuation.yield(String(buffer: part)) }
        func finish(_ trailingHeaders: HTTPFields?) async throws { parts.continuation.finish() }
        func end() { parts.continuation.finish() }
        /// The next part; nil behind the last.
        func next() async -> String? { await parts.stream.first { _ in true } }
    }

    /// A client that takes the first part only when it is let to.
    private final class SlowReader: ResponseBodyWriter, Sendable {
        let written = Mutex<[String]>([])
        let began = AsyncStream.makeStream(of: Void.self)
        let mayGoOn = AsyncStream.makeStream(of: Void.self)

        func write(_ part: ByteBuffer) async throws {
            let isFirst = written.withLock { written in
                written.append(String(buffer: part))
                return written.count == 1
            }
            guard isFirst else { return }
            began.continuation.finish()
            for await _ in mayGoOn.stream {}
        }

        func finish(_ trailingHeaders: HTTPFields?) async throws {}
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
        guard case .parts(nil, let produce) = answer.body else {
            Issue.record("The stream has an end")
            return
        }
        let reader = Reader()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { reader.end() }
                try await produce(reader)
            }
            #expect(await reader.next()?.hasPrefix("retry: ") == true)
            try await body(reader)
            group.cancelAll()
            try await group.waitForAll()
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
                #expect(data["etag"]?.stringValue == document.checksum)
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

    @Test func `ends with its key`() async throws {
        let server = try await TestServer()
        try await follow(server) { parts in
            _ = try event(await parts.next())
            try await server.server.control.revokeKey(server.key(.client), by: Change(actor: "test"))
            try await server.publish()
            #expect(await parts.next() == nil)
        }
    }

    @Test func `ends with the server, which takes on no more`() async throws {
        let server = try await TestServer()
        try await follow(server) { parts in
            _ = try event(await parts.next())
            server.server.bell.finish()
            #expect(await parts.next() == nil)
        }
        let refused = try await server.send(.get, "/ofrep/v1/stream", key: .client)
        #expect(refused.status == .serviceUnavailable)
        #expect((5...30).contains(Int(refused.headers[.retryAfter] ?? "") ?? 0))
    }

    // MARK: Without a server

    private let board = SnapshotBoard()
    private let bell = ChangeBell(limit: 1)

    private func post(_ time: UInt64, environment: String = "production") throws {
        let document = try #require(
            try SpecDocument.read([
                "has_updates": true, "time": .integer(Int64(time)), "checksum": .string("c\(time)"),
                "feature_gates": [], "dynamic_configs": [], "layer_configs": [],
            ])
        )
        board.post(try PreparedSnapshot(document, environment: environment, receivedAt: 0))
        bell.ring()
    }

    private func stream() -> FlagStream {
        FlagStream(board: board, bell: bell, environment: "production", lastEventID: nil) { true }
    }

    @Test func `tells a slow client of the newest alone`() async throws {
        try post(1_000)
        let client = SlowReader()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [stream = stream()] in
                var writer: any ResponseBodyWriter = client
                try await stream.write(to: &writer)
            }
            for await _ in client.began.stream {}
            for time in [2_000, 3_000, 4_000] as [UInt64] { try post(time) }
            try post(9_000, environment: "development")
            client.mayGoOn.continuation.finish()
            // What woke it may still wait to be looked at; the end comes behind it.
            bell.finish()
            try await group.waitForAll()
        }
        let events = client.written.withLock { Array($0.dropFirst()) }
        #expect(try events.map { try event($0).id } == ["4000-c4000"])
    }

    @Test func `shows that it lives while nothing happens`() async throws {
        try post(1_000)
        var stream = stream()
        stream.tick = .milliseconds(1)
        stream.heartbeat = .zero
        let reader = Reader()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [stream] in
                var writer: any ResponseBodyWriter = reader
                try await stream.write(to: &writer)
            }
            _ = await reader.next()
            _ = try event(await reader.next())
            for _ in 0..<3 { #expect(await reader.next() == ": hb\n\n") }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    @Test func `ends when it has lived its time, and makes room`() async throws {
        try post(1_000)
        var stream = stream()
        stream.life = .zero
        #expect(!bell.isFull)
        for _ in 0..<3 {
            let reader = Reader()
            var writer: any ResponseBodyWriter = reader
            try await stream.write(to: &writer)
            var parts: [String] = []
            while let part = await reader.next() { parts.append(part) }
            #expect(parts.count == 2)
            #expect(try event(parts.last).data["etag"] == "c1000")
        }
        let held = bell.listen()
        #expect(bell.isFull)
        let reader = Reader()
        var writer: any ResponseBodyWriter = reader
        try await stream.write(to: &writer)
        #expect(await reader.next() == nil, "there is no room for it")
        held?.wake.finish()
        #expect(!bell.isFull)
    }
}
