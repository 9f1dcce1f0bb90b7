// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

/// One HTTP/1 connection: reads requests one after the other, answers those of the fast lane where they lie, and hands
/// the others to the service when they have come in whole.
///
/// Whatever the client does, it holds no more memory than the limits say, and ends within its deadlines.
final class HTTP1Connection: ChannelDuplexHandler, RemovableChannelHandler, LoopConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Nothing of a request has come in; since when, and whether there was one before.
        case idle
        /// A head has begun.
        case header
        /// The body of `exchange` comes in.
        case body
        /// What follows, of a request that was refused, is dropped.
        case discarding
        /// `exchange` is with the service, or its answer is being written.
        case answering
        /// The connection reads a feed of events, and nothing follows.
        case streaming
        /// The last answer is out; what still comes in is dropped for a while.
        case lingering
        case closed
    }

    var place = -1
    let state: LoopState
    let service: any FrontService
    let limits: HTTPLimits
    let connections: ConnectionLimiter.Slot
    let peer: Peer
    var context: ChannelHandlerContext?
    var phase = Phase.idle
    /// Whether no request has been answered yet.
    var isFirst = true
    var input: ByteBuffer?
    /// How much of `input` was searched for the end of a head.
    var searched = 0
    /// When the phase must be over.
    var deadline: UInt64
    var exchange: Exchange?
    /// The feed that is read over the connection, and whether all that was written of it is known to have left the process.
    var reader: FeedReader?
    var isStreamSent = false
    var isReadHeld = false
    var isHoldingReads = false
    /// Whether requests are left unread for a while, since the last one was too many.
    var isSlowedDown = false
    var isInputClosed = false
    var isWorking = false
    var worksAgain = false
    var isDraining = false
    var dropped = 0
    /// Bytes of a refused request's body that are still to come.
    var discardLeft = 0
    /// What was unsent at the last look, and since when it has not changed.
    var unsent = 0
    var unsentSince: UInt64 = 0

    /// Serves the peer of `arrival`.
    init(_ arrival: Arrival) {
        state = arrival.state
        service = arrival.service
        peer = arrival.peer
        limits = arrival.state.limits
        connections = arrival.slot
        deadline = arrival.deadline
    }

    // MARK: Events of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        state.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch phase {
        case .closed, .streaming: return
        case .lingering:
            dropped += bytes.readableBytes
            // The rest stays in the kernel until the client has had time to see the answer.
            if dropped > limits.lingering { hold(true) }
            return
        default: break
        }
        if input == nil {
            input = bytes
        } else {
            input?.writeBuffer(&bytes)
        }
        work(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { work(context) }
        context.fireChannelWritabilityChanged()
    }

    /// Leaves bytes in the kernel while there are enough here.
    func read(context: ChannelHandlerContext) {
        if isHoldingReads { isReadHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            isInputClosed = true
            switch phase {
            case .idle, .header:
                // Requests that wait for the client to take answers are still answered.
                if context.channel.isWritable { close("client") }
            case .body, .discarding, .streaming, .lingering: close("client")
            case .answering where exchange?.isStreaming == true: close("client")
            case .answering, .closed: break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close("error") }

    // MARK: HTTP/2 without being asked

    /// What a client sends that speaks HTTP/2 from the first byte on (RFC 9113 §3.4).
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// Whether the connection is, or may still become, one of HTTP/2.
    func isHTTP2(_ context: ChannelHandlerContext) -> Bool {
        guard let bytes = input?.readableBytesView, bytes.first == Self.preface[0] else { return false }
        guard bytes.prefix(Self.preface.count).elementsEqual(Self.preface.prefix(bytes.count)) else { return false }
        if bytes.count >= Self.preface.count { becomeHTTP2(context) }
        return true
    }

    private func becomeHTTP2(_ context: ChannelHandlerContext) {
        guard let input else { return }
        self.input = nil
        phase = .closed
        self.context = nil
        state.remove(self)
        let connection = HTTP2Connection(
            Arrival(state: state, service: service, peer: peer, slot: connections, deadline: deadline)
        )
        do {
            try HTTP2Connection.add(to: context.channel, connection)
            context.fireChannelRead(wrapInboundOut(input))
            context.fireChannelReadComplete()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch { context.close(promise: nil) }
    }
}
