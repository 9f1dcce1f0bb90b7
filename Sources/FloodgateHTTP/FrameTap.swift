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
    private var context: ChannelHandlerContext?
    private var isClosing = false
    private var dropped = 0

    init(state: LoopState) {
        self.state = state
        arrivals = FrameWatch(state.limits)
        departures = SendWatch(state.limits)
    }

    /// From now on what comes in is dropped, and once that is much it stays in the kernel.
    func dropAll() { isClosing = true }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Asks the client to begin no more requests, past the frame handler, which after a GOAWAY would take none of those
    /// that are on their way; and sends a PING with `content` behind it.
    func announceEnd(ping content: UInt64) {
        guard let context else { return }
        var bytes = ByteBuffer()
        // The largest number of a stream, and no error.
        for (kind, content) in [(FrameHead.Kind.goAway, UInt64(Int32.max) << 32), (FrameHead.Kind.ping, content)] {
            bytes.writeMultipleIntegers(UInt32(8 << 8) | UInt32(kind), 0 as UInt8, 0 as UInt32, content)
        }
        write(context: context, data: wrapOutboundOut(.byteBuffer(bytes)), promise: nil)
        context.flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard !isClosing else {
            dropped += bytes.readableBytes
            return
        }
        guard !bytes.withUnsafeReadableBytes({ arrivals.received($0, at: state.now) }) else {
            return context.fireUserInboundEventTriggered(Flood())
        }
        guard !arrivals.patches.isEmpty else { return context.fireChannelRead(data) }
        for patch in arrivals.patches { bytes.setInteger(patch.byte, at: bytes.readerIndex + patch.offset) }
        context.fireChannelRead(wrapInboundOut(bytes))
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
