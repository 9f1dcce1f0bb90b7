// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL

/// Gives a new connection the handlers that it needs.
struct Entrance {
    let listener: FrontDoor.Listener
    let state: LoopState
    let service: any FrontService
    let limiter: ConnectionLimiter
    let handshakes: TokenBuckets

    /// Lets `channel` in, by way of what comes before requests.
    func admit(_ channel: any Channel) throws {
        // Whatever comes first, a request must have come by then.
        let deadline = state.now &+ state.limits.headerTimeout.nanoseconds
        guard listener.requiresProxyHeader else {
            return try add(to: channel, address: channel.remoteAddress, deadline: deadline)
        }
        guard let slot = limiter.enter(from: source(of: channel.remoteAddress)) else {
            return refuse(channel, "too_many")
        }
        let header = ProxyHeader(state: state, slot: slot) { channel, address in
            try add(to: channel, address: address ?? channel.remoteAddress, deadline: deadline)
        }
        try channel.pipeline.syncOperations.addHandler(header)
    }

    /// Who connections are counted for; nil for proxies.
    private func source(of address: SocketAddress?) -> UInt64? {
        address.flatMap { listener.isProxy($0) ? nil : $0.source }
    }

    private func refuse(_ channel: any Channel, _ reason: String) {
        state.counts.closes[reason, default: 0] += 1
        channel.close(promise: nil)
    }

    private func add(to channel: any Channel, address: SocketAddress?, deadline: UInt64) throws {
        let source = source(of: address)
        if listener.tls != nil, let source {
            // Handshakes cost more than anything else that a stranger can ask for.
            guard handshakes.take(source, state.limits.handshakes, at: state.now).isAllowed else {
                return refuse(channel, "handshake_rate")
            }
        }
        guard let slot = limiter.enter(from: source) else { return refuse(channel, "too_many") }
        if listener.tls != nil, let source {
            // Good clients may make a connection for each request, and thousands may share an address.
            slot.onShowing = { handshakes.giveBack(source, state.limits.handshakes, at: state.now) }
        }
        let peer = Peer(address: address, isSecure: listener.tls != nil)
        let arrival = Arrival(state: state, service: service, peer: peer, slot: slot, deadline: deadline)
        guard let tls = listener.tls else { return try serve(arrival, over: channel, isHTTP2: false) }
        let choice = ProtocolChoice(state: state) { channel, isHTTP2 in
            try serve(arrival, over: channel, isHTTP2: isHTTP2)
        }
        try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: tls.context), choice])
    }

    private func serve(_ arrival: Arrival, over channel: any Channel, isHTTP2: Bool) throws {
        if isHTTP2 { return try HTTP2Connection.add(to: channel, HTTP2Connection(arrival)) }
        try channel.pipeline.syncOperations.addHandler(HTTP1Connection(arrival))
    }
}
