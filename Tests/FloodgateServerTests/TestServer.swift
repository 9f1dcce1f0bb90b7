// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateIngest
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import FloodgateHTTP
import Logging
import NIOCore
import NIOEmbedded
import ServiceLifecycle
import Synchronization

/// A whole server over stores in memory, with the demo project, asked through its front door.
struct TestServer {
    let server: FloodgateServer
    let store = InMemoryControlStore()
    let log: InMemoryEventLog
    let clock = TestClock()
    let lines = LogLines()
    let keys: [KeyKind: String]
    private let door: Rehearsal

    /// A server that keeps events in `eventLog`, or else in `log`.
    init(log eventLog: (any EventLog)? = nil, _ change: (inout ServerSettings) -> Void = { _ in }) async throws {
        var settings = ServerSettings(dataFolder: "")
        settings.loadsDemo = true
        change(&settings)
        log = InMemoryEventLog()
        server = FloodgateServer(
            settings: settings,
            store: store,
            signer: try SnapshotSigner(folder: nil) { [clock] in clock.now },
            eventLog: eventLog ?? log,
            eventLogService: NoService(),
            registry: MetricsRegistry(),
            now: { [clock] in clock.now },
            logger: Logger(label: "test") { [lines] label in
                LineLogHandler(label: label, format: .json, level: .trace, write: lines.add)
            }
        )
        let made = try await server.prepare()
        door = try await Rehearsal(server.front())
        keys = Dictionary(made.map { ($0.key.kind, $0.text) }) { first, _ in first }
    }

    func key(_ kind: KeyKind) -> String { keys[kind] ?? "" }

    /// Carries on with what other tests do while a server runs: publishes what was changed.
    func publish() async throws { try await server.publisher.refresh() }

    func send(
        _ method: HTTPRequest.Method,
        _ path: String,
        key: KeyKind? = nil,
        headers: HTTPFields = [:],
        body: String? = nil,
        from address: String? = nil
    ) async throws -> TestResponse {
        try await send(method, path, key: key, headers: headers, bytes: body.map { Array($0.utf8) }, from: address)
    }

    func send(
        _ method: HTTPRequest.Method,
        _ path: String,
        key: KeyKind? = nil,
        headers: HTTPFields = [:],
        bytes: [UInt8]?,
        from address: String? = nil
    ) async throws -> TestResponse {
        try await TestResponse(try await open(method, path, key: key, headers: headers, bytes: bytes, from: address))
    }

    /// The answer as it begins: the bytes of a stream are for whoever asks for them.
    func open(
        _ method: HTTPRequest.Method,
        _ path: String,
        key: KeyKind? = nil,
        headers: HTTPFields = [:],
        bytes: [UInt8]? = nil,
        from address: String? = nil
    ) async throws -> OutboundAnswer {
        var headers = headers
        if let key { headers[.sdkKey] = self.key(key) }
        var request = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
        request.headerFields = headers
        let channel = NIOAsyncTestingChannel()
        channel.remoteAddress = try address.map { try SocketAddress(ipAddress: $0, port: 1) }
        return try await door.reply(
            to: request,
            body: bytes.map { ByteBuffer(bytes: $0) } ?? ByteBuffer(),
            over: channel
        )
    }
}

/// Unix milliseconds that only pass when they are told to.
final class TestClock: Sendable {
    private let time = Mutex<Int64>(1_750_000_360_000)

    var now: Int64 { time.withLock { $0 } }

    func advance(milliseconds: Int64) { time.withLock { $0 += milliseconds } }
}

/// What the server logged.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// What the server answered.
struct TestResponse: Sendable {
    let status: HTTPResponse.Status
    let headers: HTTPFields
    let body: ByteBuffer

    init(_ answer: OutboundAnswer) async throws {
        status = answer.head.status
        headers = answer.head.headerFields
        switch answer.body {
        case .bytes(let bytes): body = bytes
        // One without a length has no end: the console's stream.
        case .parts(nil, _), .events: body = ByteBuffer()
        case .parts(_, let produce):
            let writer = CollectingWriter()
            try await produce(writer)
            body = writer.collected.withLock { $0 }
        }
    }
}

final class CollectingWriter: AnswerWriter {
    let collected = Mutex(ByteBuffer())

    func write(_ part: ByteBuffer) async throws { collected.withLock { _ = $0.writeImmutableBuffer(part) } }
}

private struct NoService: Service {
    func run() async { try? await gracefulShutdown() }
}

extension TestResponse {
    var text: String { String(buffer: body) }
    var bytes: [UInt8] { Array(buffer: body) }
    var json: JSONValue? { try? JSONValue(parsing: bytes) }
}
