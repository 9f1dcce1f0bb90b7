// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOTLS

/// Waits for the TLS handshake and then gives the connection to the protocol that was agreed on.
final class ProtocolChoice: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let antechamber: Antechamber
    private let next: (any Channel, Bool) throws -> Void

    /// Calls `next` with whether it is HTTP/2 that was agreed on.
    init(state: LoopState, next: @escaping (any Channel, Bool) throws -> Void) {
        antechamber = Antechamber(state: state, lateness: "handshake_timeout")
        self.next = next
    }

    func handlerAdded(context: ChannelHandlerContext) { antechamber.enter(context.channel) }
    func handlerRemoved(context: ChannelHandlerContext) { antechamber.leave() }

    func channelInactive(context: ChannelHandlerContext) {
        antechamber.didEnd()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { antechamber.close("tls") }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as TLSUserEvent:
            guard case .handshakeCompleted(let negotiated) = event else { break }
            do { try next(context.channel, negotiated == "h2") } catch { return antechamber.close("tls") }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        case ChannelEvent.inputClosed: antechamber.close("client")
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }
}
