// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A connection that sends whatever bytes it is told to, and keeps what comes back.
final class RawConnection: Sendable {
    private let channel: any Channel
    private let received: Received

    /// What came in, and who waits for it.
    private final class Received: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        struct State {
            var bytes: [UInt8] = []
            var isClosed = false
        }

        let state = Mutex(State())

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(buffer: unwrapInboundIn(data))
            state.withLock { $0.bytes += bytes }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return }
            state.withLock { $0.isClosed = true }
            // As clients do who have read the last answer.
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { state.withLock { $0.isClosed = true } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private init(channel: any Channel, received: Received) {
        self.channel = channel
        self.received = received
    }

    static func open(_ port: Int) async throws -> RawConnection {
        let received = Received()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(received) }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        return RawConnection(channel: channel, received: received)
    }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }
    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
    func closeOutput() async throws { try await channel.close(mode: .output).get() }
    func close() async throws { try await channel.close() }

    /// Ends the connection as a crash does, without a word.
    func reset() async throws {
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await channel.close()
    }

    var text: String { String(decoding: received.state.withLock { $0.bytes }, as: UTF8.self) }
    var isClosed: Bool { received.state.withLock { $0.isClosed } }

    /// What came in once `condition` holds of it, or once 20 s are over.
    @discardableResult
    func text(until condition: (String) -> Bool) async -> String {
        for _ in 0..<4_000 {
            let text = text
            if condition(text) || isClosed { return self.text }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return text
    }

    /// Everything, once the other side has closed, or once 20 s are over.
    func textToTheEnd() async -> String {
        for _ in 0..<4_000 where !isClosed { try? await Task.sleep(for: .milliseconds(5)) }
        return text
    }
}
