// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHPACK
import NIOHTTP2

/// One HTTP/2 connection behind NIO's frame handler: many requests at once, each under the limits and deadlines that
/// one of HTTP/1 has.
///
/// Streams are entries of a table here, not channels of their own, which is what makes prepared answers cheap. How
/// requests are read is in `HTTP2Connection+Requests.swift`, how answers are written in `HTTP2Connection+Answers.swift`,
/// how it all ends in `HTTP2Connection+Deadlines.swift`.
final class HTTP2Connection: ChannelInboundHandler, LoopConnection {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = Never
    typealias OutboundOut = HTTP2Frame

    /// A request in work.
    final class Stream {
        let exchange: Exchange
        var deadline = UInt64.max
        var isAnswering = false
        /// Bytes of its body that came in since the client was last told that it may send more.
        var consumed = 0

        init(_ exchange: Exchange) { self.exchange = exchange }
    }

    /// How far the connection is from its end.
    enum Phase {
        case open
        /// The client was asked to begin no more requests; those on their way are served.
        case draining(until: UInt64)
        /// The client was told which requests are served; they are finished.
        case finishing
        /// Everything was said; the client has until then to read it.
        case lingering(until: UInt64)
        case closed
    }

    var place = -1
    let state: LoopState
    let service: any FrontService
    let limits: HTTPLimits
    let slot: ConnectionLimiter.Slot
    let peer: Peer
    let tap: FrameTap
    var context: ChannelHandlerContext?
    var phase = Phase.open
    var streams: [HTTP2StreamID: Stream] = [:]
    /// Streams whose answers are written, and whose clients are to be told then that they need not go on.
    var stopping: [HTTP2StreamID] = []
    var lastStream = HTTP2StreamID.rootStream
    var idleDeadline: UInt64
    var isInputClosed = false
    /// Bytes that the client lets out now, of all streams together.
    var window = 65_535
    /// What the socket had not taken at the last look, and since when that has not changed.
    var unsent = 0
    var unsentSince: UInt64 = 0

    /// Serves the peer of `arrival`.
    init(_ arrival: Arrival) {
        state = arrival.state
        service = arrival.service
        var peer = arrival.peer
        peer.usesHTTP2 = true
        self.peer = peer
        slot = arrival.slot
        limits = arrival.state.limits
        tap = FrameTap(state: arrival.state)
        idleDeadline = arrival.deadline
    }

    /// Adds what an HTTP/2 connection needs to the pipeline.
    static func add(to channel: any Channel, _ connection: HTTP2Connection) throws {
        let limits = connection.limits
        var ofConnection = NIOHTTP2Handler.ConnectionConfiguration()
        ofConnection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headerSection),
        ]
        ofConnection.maximumSequentialContinuationFrames = limits.continuations
        ofConnection.controlFrameRateLimit.maximumCount = limits.controlFrames
        ofConnection.controlFrameRateLimit.windowLength = TimeAmount(limits.frameWindow)
        var ofStreams = NIOHTTP2Handler.StreamConfiguration()
        ofStreams.streamResetFrameRateLimit.maximumCount = limits.streamResets
        ofStreams.streamResetFrameRateLimit.windowLength = TimeAmount(limits.frameWindow)
        let frames = NIOHTTP2Handler(
            mode: .server,
            connectionConfiguration: ofConnection,
            streamConfiguration: ofStreams
        )
        try channel.pipeline.syncOperations.addHandlers([connection.tap, frames, connection])
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The frame handler has reset the stream where only that was wrong, and else said GOAWAY.
        guard tap.departures.hasGivenUp else { return }
        context.flush()
        linger("protocol")
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as StreamClosedEvent: forget(event.streamID)
        case let event as NIOHTTP2WindowUpdatedEvent where event.streamID == .rootStream:
            window = event.outboundWindowSize ?? window
        case is FrameTap.Flood: goAway(.enhanceYourCalm, "frame_flood")
        case ChannelEvent.inputClosed: didCloseInput()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let headers) where streams[frame.streamID] == nil:
            receive(headers, on: frame.streamID, context)
        case .headers(let trailers):
            if trailers.endStream, let stream = streams[frame.streamID] { complete(stream, frame.streamID, context) }
        case .data(let data): receive(data, on: frame.streamID, context)
        case .rstStream: forget(frame.streamID)
        case .ping(let content, ack: true) where content.integer == Self.drainPing:
            if case .draining = phase { finish(context) }
        default: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        acknowledge(context)
        stopAnswered(context)
        context.flush()
        endIfDone()
        context.fireChannelReadComplete()
    }
}
