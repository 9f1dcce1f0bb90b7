// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateHTTP
import HTTPTypes
import NIOCore

/// Who sent a request that is refused, kept until its refusal is told of.
struct RefusedOrigin {
    let method: String
    let version: String
    let address: ClientAddress?
}

extension ServerFront {
    /// Notes a ready answer.
    func didAnswer(
        _ answer: FastAnswer,
        to head: RequestHead,
        route: Int,
        _ peer: Peer,
        _ lane: FastLane,
        _ loop: LoopState
    ) {
        let size = head.method == .head ? 0 : answer.bodyLength
        loop.counts.sent.record(route: route, bytes: size)
        guard let leftOut = log.admitsReady(&lane.sampler, tick: loop.ticks) else { return }
        log.write(
            AccessLog.Entry(
                method: head.method.name,
                route: table.routes[route].path,
                status: answer.status,
                requestID: loop.upcomingRequestID,
                version: version(head, peer),
                address: head.clientAddress(from: peer, trusting: settings.trustedProxies),
                received: 0,
                sent: size,
                leftOut: leftOut
            )
        )
    }

    /// Notes an answer that a route made.
    func didAnswer(_ answer: OutboundAnswer, to request: InboundRequest, code: String?, after duration: Duration) {
        let route = table.routes[request.terms.route]
        let status = answer.head.status.code
        var sent: Int?
        if case .bytes(let bytes) = answer.body { sent = request.head.method == .head ? 0 : bytes.readableBytes }
        let received = request.body.readableBytes
        metrics.answered(route: request.terms.route, received: received, sent: sent, code: code)
        log.answered(
            route.shedClass,
            AccessLog.Entry(
                method: request.head.method.rawValue,
                route: route.path,
                status: status,
                code: code,
                requestID: request.id,
                version: request.peer.usesHTTP2 ? "2" : "1.1",
                address: request.head.clientAddress(from: request.peer, trusting: settings.trustedProxies),
                received: received,
                sent: sent,
                duration: duration
            ),
            isError: status >= 400
        )
    }

    /// Remembers who sent what is about to be refused.
    func willRefuse(_ head: RequestHead, _ peer: Peer, _ lane: FastLane) {
        guard log.tellsErrors else { return }
        lane.refusedOrigin = RefusedOrigin(
            method: head.method.name,
            version: version(head, peer),
            address: head.clientAddress(from: peer, trusting: settings.trustedProxies)
        )
    }

    package func didRefuse(_ refusal: Refusal, route: Int?, on loop: LoopState) {
        didRefuse(refusal, route: route, requestID: nil, on: loop)
    }

    package func didRefuse(_ refusal: Refusal, route: Int?, requestID: String?, on loop: LoopState) {
        loop.counts.refusals[refusal.code, default: 0] += 1
        guard log.tellsErrors else { return }
        let lane = lane(of: loop)
        let origin = lane.refusedOrigin
        lane.refusedOrigin = nil
        let route = route.map { table.routes[$0] }
        log.answered(
            route?.shedClass ?? .diagnostics,
            AccessLog.Entry(
                method: origin?.method ?? "",
                route: route?.path,
                status: refusal.status,
                code: refusal.code,
                requestID: requestID ?? loop.upcomingRequestID,
                version: origin?.version ?? "",
                address: origin?.address
            ),
            isError: true
        )
    }

    private func version(_ head: RequestHead, _ peer: Peer) -> String {
        peer.usesHTTP2 ? "2" : head.isOld ? "1.0" : "1.1"
    }
}
