// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOTLS

/// Waits for the TLS handshake and then gives the connection to the protocol that was agreed on.
final class ProtocolChoice: ChannelInboundHandler, RemovableChannelHandler, LoopConnection {
    typealias InboundIn = ByteBuffer

    var place = -1
    private let state: LoopState
    private let deadline: UInt64
    private let next: (any Channel, Bool) throws -> Void
    private var context: ChannelHandlerContext?
    private var isClosed = false

    /// Calls `next` with whether it is HTTP/2 that was agreed on.
    init(state: LoopState, next: @escaping (any Channel, Bool) throws -> Void) {
        self.state = state
        self.next = next
        deadline = state.now &+ state.limits.handshakeTimeout.nanoseconds
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        state.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        state.remove(self)
    }

    func check(at now: UInt64) { if now >= deadline { close("handshake_timeout") } }
    func drain() { close("drain") }
    func abandon() { close("drain") }

    func channelInactive(context: ChannelHandlerContext) {
        if !isClosed { state.counts.closes["client", default: 0] += 1 }
        isClosed = true
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close("tls") }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as TLSUserEvent:
            guard case .handshakeCompleted(let negotiated) = event else { break }
            do { try next(context.channel, negotiated == "h2") } catch { return close("tls") }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        case ChannelEvent.inputClosed: close("client")
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func close(_ reason: String) {
        guard !isClosed else { return }
        isClosed = true
        state.counts.closes[reason, default: 0] += 1
        context?.close(promise: nil)
    }
}
