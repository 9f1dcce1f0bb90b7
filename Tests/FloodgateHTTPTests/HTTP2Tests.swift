// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import Synchronization
import Testing

@Suite("HTTP/2") struct HTTP2Tests {
    @Test func `answers many requests at once on a connection that begins with it`() async throws {
        try await withDoor { port, _ in
            let client = try await HTTP2Client.open(port)
            for index in 0..<20 {
                try await client.request(1 + 2 * index, index % 2 == 0 ? "/fast" : "/\(index)")
            }
            for index in 0..<20 {
                let answer = try await client.answer(1 + 2 * index)
                #expect(answer.status == "200")
                #expect(index % 2 == 0 ? answer.text == "fast\n" : answer.text.hasPrefix("GET /\(index) 0 "))
            }
            try await client.close()
        }
    }

    @Test func `hands bodies over whole, larger ones than a window too`() async throws {
        try await withDoor { port, _ in
            let client = try await HTTP2Client.open(port)
            try await client.request(1, "/a", method: "POST", body: ByteBuffer(repeating: 0x61, count: 300_000))
            let answer = try await client.answer(1)
            #expect(answer.text.hasPrefix("POST /a 300000 "))
            try await client.close()
        }
    }

    @Test func `sends large answers and answers in parts`() async throws {
        try await withDoor { port, _ in
            let client = try await HTTP2Client.open(port)
            try await client.request(1, "/large")
            try await client.request(3, "/parts")
            try await client.request(5, "/fast", method: "HEAD")
            #expect(try await client.answer(1).text.utf8.count == 100_000)
            #expect(try await client.answer(3).text == "one two three")
            let head = try await client.answer(5)
            #expect(head.text == "" && head.headers.first(name: "content-length") == "5")
            try await client.close()
        }
    }

    @Test func `refuses what HTTP/1 refuses, and goes on`() async throws {
        try await withDoor { port, _ in
            let client = try await HTTP2Client.open(port)
            try await client.request(1, "/../a")
            try await client.request(3, "/a%00")
            try await client.request(5, "/a", extra: [("x", "a\u{1}b")])
            try await client.request(7, "/refused")
            try await client.request(9, "/a", extra: [("content-length", "2000000")], method: "POST", endsStream: false)
            try await client.request(11, "/fast")
            for stream in [1, 3, 5] { #expect(try await client.answer(stream).status == "400") }
            #expect(try await client.answer(7).status == "503")
            #expect(try await client.answer(9).status == "413")
            #expect(try await client.answer(11).text == "fast\n")
            try await client.close()
        }
    }

    @Test func `resets a stream that breaks the protocol, and goes on with the others`() async throws {
        try await withDoor { port, _ in
            let client = try await HTTP2Client.open(port)
            try await client.request(1, "/a", extra: [("connection", "close")])
            try await client.request(3, "/a", extra: [("X-Upper", "a")])
            try await client.request(5, "/fast")
            #expect(try await client.answer(5).text == "fast\n")
            try await client.close()
        }
    }

    @Test func `ends a connection that resets streams as fast as it opens them`() async throws {
        try await withDoor { port, _ in
            let client = try await HTTP2Client.open(port)
            for index in 0..<400 {
                guard (try? await client.request(1 + 2 * index, "/slow", thenResets: true)) != nil else { break }
            }
            #expect(await client.isGone())
        }
    }

    @Test func `ends a connection on which nothing comes`() async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .milliseconds(300)
        try await withDoor(limits) { port, _ in
            let client = try await HTTP2Client.open(port)
            #expect(await client.isGone())
        }
    }
}

/// A client that writes single frames.
final class HTTP2Client: Sendable {
    struct Answer: Sendable {
        var headers = HPACKHeaders()
        var body = ByteBuffer()
        var isOver = false
        var status: String { headers.first(name: ":status") ?? "" }
        var text: String { String(buffer: body) }
    }

    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = HTTP2Frame
        typealias OutboundOut = HTTP2Frame

        let answers = Mutex<[Int: Answer]>([:])
        let isGone = Atomic<Bool>(false)

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            let id = Int(frame.streamID)
            switch frame.payload {
            case .headers(let headers):
                answers.withLock {
                    $0[id, default: Answer()].headers = headers.headers
                    if headers.endStream { $0[id]?.isOver = true }
                }
            case .data(let data):
                guard case .byteBuffer(let bytes) = data.data else { return }
                answers.withLock {
                    $0[id, default: Answer()].body.writeImmutableBuffer(bytes)
                    if data.endStream { $0[id]?.isOver = true }
                }
                if bytes.readableBytes > 0 {
                    for stream in data.endStream ? [.rootStream] : [.rootStream, frame.streamID] {
                        let update = HTTP2Frame(
                            streamID: stream,
                            payload: .windowUpdate(windowSizeIncrement: bytes.readableBytes)
                        )
                        context.write(wrapOutboundOut(update), promise: nil)
                    }
                    context.flush()
                }
            case .goAway: isGone.store(true, ordering: .relaxed)
            default: break
            }
        }

        func channelInactive(context: ChannelHandlerContext) { isGone.store(true, ordering: .relaxed) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }

    private let channel: any Channel
    private let collector: Collector

    private init(_ channel: any Channel, _ collector: Collector) {
        self.channel = channel
        self.collector = collector
    }

    static func open(_ port: Int) async throws -> HTTP2Client {
        let collector = Collector()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let frames = NIOHTTP2Handler(
                        mode: .client,
                        headerBlockValidation: .disabled,
                        contentLengthValidation: .disabled
                    )
                    try channel.pipeline.syncOperations.addHandlers([frames, collector])
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        return HTTP2Client(channel, collector)
    }

    func request(
        _ stream: Int,
        _ path: String,
        extra: [(String, String)] = [],
        method: String = "GET",
        body: ByteBuffer? = nil,
        endsStream: Bool = true,
        thenResets: Bool = false
    ) async throws {
        let id = HTTP2StreamID(stream)
        let headers = HPACKHeaders(
            [(":method", method), (":path", path), (":scheme", "http"), (":authority", "localhost")] + extra
        )
        let head = HTTP2Frame.FramePayload.Headers(headers: headers, endStream: body == nil && endsStream)
        try await channel.writeAndFlush(HTTP2Frame(streamID: id, payload: .headers(head)))
        if let body {
            let data = HTTP2Frame.FramePayload.Data(data: .byteBuffer(body), endStream: endsStream)
            try await channel.writeAndFlush(HTTP2Frame(streamID: id, payload: .data(data)))
        }
        if thenResets { try await channel.writeAndFlush(HTTP2Frame(streamID: id, payload: .rstStream(.cancel))) }
    }

    func answer(_ stream: Int) async throws -> Answer {
        for _ in 0..<4_000 {
            if let answer = collector.answers.withLock({ $0[stream] }), answer.isOver { return answer }
            try await Task.sleep(for: .milliseconds(5))
        }
        return collector.answers.withLock { $0[stream] } ?? Answer()
    }

    /// Whether the body of an answer that goes on comes to what `condition` wants.
    func body(of stream: Int, _ condition: (String) -> Bool) async -> Bool {
        for _ in 0..<4_000 {
            if condition(collector.answers.withLock { $0[stream]?.text ?? "" }) { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    func isGone() async -> Bool {
        for _ in 0..<4_000 where !collector.isGone.load(ordering: .relaxed) {
            try? await Task.sleep(for: .milliseconds(5))
        }
        return collector.isGone.load(ordering: .relaxed)
    }

    func close() async throws { try await channel.close() }
}
