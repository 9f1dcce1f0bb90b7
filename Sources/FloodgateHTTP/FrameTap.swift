// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Stands between the socket and NIO's HTTP/2 frame handler and sees all bytes of both directions.
final class FrameTap: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// Tells the connection that the client sends more frames than it has reason to.
    struct Flood {}

    private let state: LoopState
    var arrivals: FrameWatch
    var departures: SendWatch
    private var isClosing = false
    private var dropped = 0

    init(state: LoopState) {
        self.state = state
        arrivals = FrameWatch(state.limits)
        departures = SendWatch(state.limits)
    }

    /// From now on what comes in is dropped, and once that is much it stays in the kernel.
    func dropAll() { isClosing = true }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        guard !isClosing else {
            dropped += bytes.readableBytes
            return
        }
        guard bytes.withUnsafeReadableBytes({ arrivals.received($0, at: state.now) }) else {
            return context.fireChannelRead(data)
        }
        context.fireUserInboundEventTriggered(Flood())
    }

    func read(context: ChannelHandlerContext) {
        if dropped <= state.limits.lingering { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .byteBuffer(let bytes) = unwrapOutboundIn(data) {
            arrivals.didSend(bytes.withUnsafeReadableBytes { departures.sent($0, at: state.now) })
        }
        context.write(data, promise: promise)
    }
}
