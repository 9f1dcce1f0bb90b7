// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
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
    /// Whether an HTTP/2 preface was sent.
    let isOpened = Atomic<Bool>(false)

    /// What came in, and who waits for it.
    private final class Received: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        struct State {
            var bytes: [UInt8] = []
            var isClosed = false
            /// What the TLS handshake agreed on; nil before it is over.
            var agreed: String?
        }

        let state = Mutex(State())

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(buffer: unwrapInboundIn(data))
            state.withLock { $0.bytes += bytes }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .handshakeCompleted(let name)? = event as? TLSUserEvent {
                state.withLock { $0.agreed = name ?? "" }
            }
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

    /// Connects, and begins a TLS handshake if there is something to encrypt with.
    static func open(_ port: Int, tls: NIOSSLContext? = nil) async throws -> RawConnection {
        let received = Received()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(received)
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        return RawConnection(channel: channel, received: received)
    }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }
    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
    func closeOutput() async throws { try await channel.close(mode: .output).get() }
    func close() async throws { try await channel.close() }

    var bytes: [UInt8] { received.state.withLock { $0.bytes } }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// Ends the connection as a crash does, without a word.
    func reset() async throws {
        try await (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await channel.close()
    }

    /// Takes what comes in, or leaves it in the kernel.
    func reads(_ reads: Bool) async throws { try await channel.setOption(.autoRead, value: reads).get() }

    /// Waits until `count` bytes have come in, or until 20 s are over.
    func wait(for count: Int) async {
        for _ in 0..<4_000 where bytes.count < count && !isClosed { try? await Task.sleep(for: .milliseconds(5)) }
    }

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

    /// What the TLS handshake agreed on, "" if nothing; nil if it did not come to an end.
    func agreedProtocol() async -> String? {
        for _ in 0..<4_000 where !isClosed {
            if let agreed = received.state.withLock({ $0.agreed }) { return agreed }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return received.state.withLock { $0.agreed }
    }

    /// The certificate that the server showed.
    func certificate() async throws -> NIOSSLCertificate? {
        guard await agreedProtocol() != nil else { return nil }
        return try await channel.nioSSL_peerCertificate().get()
    }
}
