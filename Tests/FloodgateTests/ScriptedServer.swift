// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateGzip
import FloodgateJSON
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server on loopback that does as it is told, records what it was asked, and may misbehave.
final class ScriptedServer: Sendable {
    /// One request with its whole body.
    struct Request: Sendable {
        var method: String
        var uri: String
        var headers: HTTPHeaders
        var body: [UInt8]

        func header(_ name: String) -> String? { headers.first(name: name) }

        /// The body as JSON, decompressed.
        var json: JSONValue {
            var bytes = body
            if header("content-encoding") == "gzip" { bytes = (try? Gzip.decompress(bytes, limit: 1 << 28)) ?? [] }
            return (try? JSONValue(parsing: bytes)) ?? .null
        }
    }

    /// What to do with a request.
    enum Answer: Sendable {
        /// A well-formed answer.
        case reply(status: Int = 200, headers: [(String, String)] = [], body: [UInt8])
        /// Nothing, until the client or the test closes the connection.
        case hang
        /// These bytes as they are, then nothing more.
        case raw([UInt8])
        /// These bytes as they are, then the end of the connection.
        case rawThenClose([UInt8])
        /// The answer inside, as soon as the test calls `release`.
        indirect case later(Answer)
        /// The first bytes, then the second again and again as fast as the client takes them.
        case endless([UInt8], [UInt8])
        /// The beginning of a stream of events, which goes on with `push` and ends with `endStreams`.
        case stream
        /// What a proxy says to `CONNECT`; from then on this server stands for the one behind it.
        case tunnel

        static func ok(_ body: String) -> Answer { .reply(body: Array(body.utf8)) }
        static func status(_ status: Int) -> Answer { .reply(status: status, body: Array("{}".utf8)) }
    }

    private struct State {
        var scripts: [(prefix: String, answer: @Sendable (Request) -> Answer)] = []
        var requests: [Request] = []
        var waiting: [(prefix: String, count: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var connections: [ObjectIdentifier: any Channel] = [:]
        var held: [@Sendable () -> Void] = []
        var streams: [any Channel] = []
        var streamWaiting: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var channel: (any Channel)?
    }

    private let state = Mutex(State())

    /// The address, without a slash at its end.
    let url: String

    private init(channel: any Channel) {
        url = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
        state.withLock { $0.channel = channel }
    }

    /// Runs `test` against a new server, which is closed afterwards; on the threads that clients use, or on others.
    static func run<Result>(
        on group: MultiThreadedEventLoopGroup? = nil,
        _ test: (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let box = Box()
        let channel = try await ServerBootstrap(group: group ?? .singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes))
                    try channel.pipeline.syncOperations.addHandlers(decoder, Handler(box: box))
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let server = ScriptedServer(channel: channel)
        box.server.withLock { $0 = server }
        do {
            let result = try await test(server)
            await server.close()
            return result
        } catch {
            await server.close()
            throw error
        }
    }

    /// Answers requests whose path begins with `prefix`; the newest script for a prefix counts.
    func on(_ prefix: String, _ answer: @escaping @Sendable (Request) -> Answer) {
        state.withLock { state in
            state.scripts.removeAll { $0.prefix == prefix }
            state.scripts.append((prefix, answer))
        }
    }

    /// Answers requests whose path begins with `prefix`.
    func on(_ prefix: String, _ answer: Answer) { on(prefix) { _ in answer } }

    /// The requests so far whose path begins with `prefix`.
    func requests(_ prefix: String) -> [Request] {
        state.withLock { $0.requests.filter { $0.uri.hasPrefix(prefix) } }
    }

    /// Waits until `count` requests to `prefix` have arrived, and returns all of them.
    func requests(_ prefix: String, count: Int) async -> [Request] {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.requests.count(where: { $0.uri.hasPrefix(prefix) }) >= count { return true }
                state.waiting.append((prefix, count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
        return requests(prefix)
    }

    /// Gives the answers that were to come later.
    func release() {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for answer in held { answer() }
    }

    /// Writes `text` to all streams that are open.
    func push(_ text: String) async { await push(Array(text.utf8)) }

    /// Writes `bytes` to all streams that are open.
    func push(_ bytes: [UInt8]) async {
        for channel in state.withLock({ $0.streams }) { try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
    }

    /// Ends all streams as a server should.
    func endStreams() async {
        let streams = state.withLock { state in
            defer { state.streams = [] }
            return state.streams
        }
        for channel in streams { try? await channel.close() }
    }

    /// Waits until `count` streams are open.
    func streams(count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.streams.count >= count { return true }
                state.streamWaiting.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    fileprivate func began(_ channel: any Channel) {
        let ready = state.withLock { state in
            state.streams.append(channel)
            let count = state.streams.count
            defer { state.streamWaiting.removeAll { $0.count <= count } }
            return state.streamWaiting.filter { $0.count <= count }
        }
        for entry in ready { entry.continuation.resume() }
    }

    fileprivate func hold(_ answer: @escaping @Sendable () -> Void) { state.withLock { $0.held.append(answer) } }

    /// Connections that are open now.
    var connectionCount: Int { state.withLock { $0.connections.count } }

    /// Closes every open connection without a word.
    func cutConnections() async {
        for channel in state.withLock({ Array($0.connections.values) }) { try? await channel.close() }
    }

    /// Stops listening and closes every connection.
    func close() async {
        let channel = state.withLock { state in
            defer { state.channel = nil }
            return state.channel
        }
        try? await channel?.close()
        await cutConnections()
    }

    fileprivate func opened(_ channel: any Channel) {
        state.withLock { state in
            state.connections[ObjectIdentifier(channel)] = channel
        }
    }

    fileprivate func closed(_ channel: any Channel) {
        state.withLock { state in
            state.connections[ObjectIdentifier(channel)] = nil
            state.streams.removeAll { $0 === channel }
        }
    }

    fileprivate func answer(to request: Request) -> Answer {
        let script = state.withLock { state in state.scripts.last { request.uri.hasPrefix($0.prefix) } }
        return script?.answer(request) ?? .status(404)
    }

    /// Tells the test of the request.
    fileprivate func record(_ request: Request) {
        let ready = state.withLock { state in
            state.requests.append(request)
            let (requests, waiting) = (state.requests, state.waiting)
            func isReady(_ prefix: String, _ count: Int) -> Bool {
                requests.count { $0.uri.hasPrefix(prefix) } >= count
            }
            state.waiting = waiting.filter { !isReady($0.prefix, $0.count) }
            return waiting.filter { isReady($0.prefix, $0.count) }
        }
        for entry in ready { entry.continuation.resume() }
    }
}

/// Lets connections find the server that is made after the listener.
private final class Box: Sendable {
    let server = Mutex<ScriptedServer?>(nil)
}

private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let box: Box
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var endless: ByteBuffer?

    init(box: Box) { self.box = box }

    private var server: ScriptedServer? { box.server.withLock { $0 } }

    func channelActive(context: ChannelHandlerContext) {
        server?.opened(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        server?.closed(context.channel)
        endless = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let bytes): body.append(contentsOf: bytes.readableBytesView)
        case .end:
            guard let head, let server else { return }
            let request = ScriptedServer.Request(
                method: head.method.rawValue,
                uri: head.uri,
                headers: head.headers,
                body: body
            )
            let answer = server.answer(to: request)
            if case .later = answer {
                // Held first, so that a test which has heard of the request can release it.
                perform(answer, context)
                server.record(request)
            } else {
                // Recorded first, so that a client which has the answer is not ahead of the record.
                server.record(request)
                perform(answer, context)
            }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { pump(context) }

    private func perform(_ answer: ScriptedServer.Answer, _ context: ChannelHandlerContext) {
        switch answer {
        case .hang: break
        case .later(let answer):
            let this = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let loop = context.eventLoop
            server?.hold { loop.execute { this.value.0.perform(answer, this.value.1) } }
        case .reply(let status, let headers, let body):
            var text = "HTTP/1.1 \(status) Scripted\r\n"
            for (name, value) in headers { text += "\(name): \(value)\r\n" }
            if status != 204, status != 304 { text += "content-length: \(body.count)\r\n" }
            write(Array((text + "\r\n").utf8) + (status == 204 || status == 304 ? [] : body), context)
        case .raw(let bytes): write(bytes, context)
        case .rawThenClose(let bytes):
            write(bytes, context)
            context.close(promise: nil)
        case .stream:
            write(Array("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".utf8), context)
            server?.began(context.channel)
        case .tunnel:
            let pipeline = context.pipeline.syncOperations
            // The decoder reads nothing behind such a request, so another takes its place.
            guard let decoder = try? pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self) else {
                return
            }
            let this = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            pipeline.removeHandler(decoder).whenSuccess {
                let (handler, context) = this.value
                let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes))
                try? context.pipeline.syncOperations.addHandler(decoder, position: .first)
                handler.write(Array("HTTP/1.1 200 OK\r\n\r\n".utf8), context)
            }
        case .endless(let first, let second):
            write(first, context)
            endless = ByteBuffer(bytes: second)
            pump(context)
        }
    }

    private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func pump(_ context: ChannelHandlerContext) {
        guard let endless, context.channel.isActive else { return }
        // Only so much at a time: the loop has other connections, and must notice the end of this one.
        for _ in 0..<16 where context.channel.isActive && context.channel.isWritable {
            context.writeAndFlush(wrapOutboundOut(endless), promise: nil)
        }
        guard context.channel.isActive, context.channel.isWritable else { return }
        let this = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute { this.value.0.pump(this.value.1) }
    }
}
