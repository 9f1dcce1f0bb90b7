// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import FloodgateSnapshots
import HTTPTypes
import NIOCore
import Synchronization
import Testing

/// `/v2/stream_config_specs`: what SDKs are told of changes.
struct StreamRouteTests {
    private static let path = "/v2/stream_config_specs"

    @Test func `begins with the document for a client that holds none, and goes on with each that follows`()
        async throws
    {
        let server = try await TestServer()
        let stream = try await Stream(server, Self.path)
        let first = try await stream.event(1)
        #expect(first.hasPrefix("event: specs\ndata: {\"has_updates\":true,"))
        #expect(first.contains("\"new_checkout\""))
        server.clock.advance(milliseconds: 1_000)
        _ = try await server.server.control.setGate("new_checkout", enabled: false, by: Change(actor: "test"))
        try await server.publish()
        #expect(try await stream.event(2) != first)
        stream.cancel()
    }

    @Test func `tells of ID lists that have changed, and whoever comes later of them beside the document`() async throws
    {
        let server = try await TestServer()
        let time = try await server.send(.get, "/v2/download_config_specs", key: .server).json?["time"]?.integerValue
        let stream = try await Stream(server, "\(Self.path)?sinceTime=\(time ?? 0)&deltas=1")
        server.clock.advance(milliseconds: 1_000)
        let change = Change(actor: "test")
        let testers = try await server.server.control.members(ofIDList: "beta_testers")
        try await server.server.control.remove(testers, fromIDList: "beta_testers", by: change)
        try await server.publish()
        let event = try await stream.event(1)
        #expect(event == "event: id_lists\ndata: {\"time\":\(server.clock.now),\"spread_ms\":0}\n\n")
        // What follows is still a step from the document that the client holds.
        server.clock.advance(milliseconds: 1_000)
        _ = try await server.server.control.setGate("new_checkout", enabled: false, by: change)
        try await server.publish()
        #expect(try await stream.event(2).hasPrefix("event: delta\n"))
        stream.cancel()
        let late = try await Stream(server, Self.path)
        let first = try await late.event(1)
        #expect(first.hasPrefix("event: specs\n") && first.hasSuffix(event))
        late.cancel()
    }

    @Test func `says nothing to a client that holds the newest document`() async throws {
        let server = try await TestServer()
        let specs = try await server.send(.get, "/v2/download_config_specs", key: .server)
        let time = specs.json?["time"]?.integerValue ?? 0
        let checksum = specs.json?["checksum"]?.stringValue ?? ""
        let stream = try await Stream(server, "\(Self.path)?sinceTime=\(time)&checksum=\(checksum)")
        server.clock.advance(milliseconds: 1_000)
        _ = try await server.server.control.setGate("new_checkout", enabled: false, by: Change(actor: "test"))
        try await server.publish()
        // The first that comes is the change.
        let event = try await stream.event(1)
        #expect(event.hasPrefix("event: specs\n") && !event.contains("\"time\":\(time),"))
        stream.cancel()
    }

    @Test(arguments: ["", "&announce=1"])
    func `tells who holds the newest document of changes alone, if that is what it asks for`(more: String)
        async throws
    {
        let server = try await TestServer()
        var specs = try await server.send(.get, "/v2/download_config_specs", key: .server)
        let time = specs.json?["time"]?.integerValue ?? 0
        let stream = try await Stream(server, "\(Self.path)?sinceTime=\(time)&deltas=1\(more)")
        for number in 1...2 {
            server.clock.advance(milliseconds: 1_000)
            let change = Change(actor: "test")
            _ = try await server.server.control.setGate("new_checkout", enabled: number == 2, by: change)
            try await server.publish()
            let event = try await stream.event(number)
            let data = try #require(event.hasPrefix("event: delta\ndata: ") ? event.dropFirst(19) : nil)
            let object = try #require(try JSONValue(parsing: Array(data.utf8.dropLast(2))).objectValue)
            let delta = try #require(DocumentDelta(json: object))
            let old = specs.bytes
            specs = try await server.send(.get, "/v2/download_config_specs", key: .server)
            #expect(try delta.applied(to: old, SnapshotHash(of: old), limit: 1 << 20) == specs.bytes)
            #expect(object["time"] == specs.json?["time"] && object["checksum"] == specs.json?["checksum"])
            #expect(event.utf8.count < specs.bytes.count / 4 + (more.isEmpty ? 0 : 1_600))
            // Whoever must see a seal sees that of this document.
            let seal = object["seal"]?.objectValue.flatMap(SnapshotSeal.init(json:))
            #expect((seal != nil) == !more.isEmpty)
            if let seal { #expect(try SnapshotManifest(seal.manifest).payloadHash == SnapshotHash(of: specs.bytes)) }
        }
        stream.cancel()
    }

    @Test func `gives the whole to who holds another document than the one before`() async throws {
        let server = try await TestServer()
        let stream = try await Stream(server, "\(Self.path)?sinceTime=5&deltas=1")
        #expect(try await stream.event(1).hasPrefix("event: specs\n"))
        stream.cancel()
    }

    @Test func `takes no more streams than there may be, and leaves those alone that are there`() async throws {
        let server = try await TestServer { $0.streams = 2 }
        let first = try await server.open(.get, Self.path, key: .server)
        var second: OutboundAnswer? = try await server.open(.get, Self.path, key: .server)
        let refused = try await server.send(.get, Self.path, key: .server)
        #expect(refused.status == .serviceUnavailable)
        #expect((5...30).contains(Int(refused.headers[.retryAfter] ?? "") ?? 0))
        #expect(first.head.status == .ok && second?.head.status == .ok)
        second = nil
        #expect(try await server.open(.get, Self.path, key: .server).head.status == .ok)
    }

    @Test func `refuses what is no time, and keys that must not read specs`() async throws {
        let server = try await TestServer()
        #expect(try await server.send(.get, "\(Self.path)?sinceTime=now", key: .server).status == .badRequest)
        #expect(try await server.send(.get, Self.path, key: .client).status == .forbidden)
    }
}

/// What comes over one stream.
private final class Stream: AnswerWriter {
    private let texts = Mutex<[String]>([])
    private let task = Mutex<Task<Void, any Error>?>(nil)

    init(_ server: TestServer, _ path: String) async throws {
        let answer = try await server.open(.get, path, key: .server)
        #expect(answer.head.headerFields[.contentType] == "text/event-stream")
        guard case .events(let terms) = answer.body else {
            Issue.record("The answer is no stream")
            return
        }
        task.withLock { $0 = Task { try await terms.write(to: self) } }
    }

    func write(_ part: ByteBuffer) async throws {
        let text = String(buffer: part)
        // How long to wait before the next connection, which every stream begins with.
        if !text.hasPrefix("retry: ") { texts.withLock { $0.append(text) } }
    }

    /// The event with `number`, from 1 on; empty if none came for 20 s.
    func event(_ number: Int) async throws -> String {
        for _ in 0..<4_000 {
            let texts = texts.withLock { $0 }
            if texts.count >= number { return texts[number - 1] }
            try await Task.sleep(for: .milliseconds(5))
        }
        return ""
    }

    func cancel() { task.withLock { $0?.cancel() } }
}
