// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import HTTPTypes
import NIOCore
import ServiceLifecycle

/// What stands behind the listener for scrapers and probes: `/metrics`, `/livez`, `/readyz` and `/readyz/intake`, without a
/// key.
///
/// Nothing else is there, so that the listener can be opened to a network that must not see the rest.
struct OperationsFront: FrontService {
    let table = RouteTable.floodgate
    let probes: Probes
    /// All metrics as Prometheus reads them.
    let metrics: @Sendable () async -> String

    func receive(_ head: RequestHead, from peer: Peer, on loop: LoopState) -> FrontVerdict {
        let path = String(decoding: head.path, as: UTF8.self)
        guard path == "/metrics" || Probes.paths.contains(path) else {
            return .refuse(Refusal(404, "not_found", "There is no such route"), route: nil)
        }
        let route = table.number(of: path)
        guard head.method == .get || head.method == .head else {
            let allow = Refusal.Field("allow", "GET, HEAD")
            return .refuse(
                Refusal(405, "method_not_allowed", "This route takes GET, HEAD", fields: [allow]),
                route: route
            )
        }
        if let answer = probes.answer(at: path) { return .fast(answer, route: route) }
        let late = Refusal(503, "late", "The answer took too long; try again", fields: [.init("retry-after", "1")])
        return .serve(RequestTerms(route: route, bodyLimit: 0, timeout: .seconds(10), lateness: late))
    }

    func answer(_ request: InboundRequest) async -> OutboundAnswer {
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = OperationsRoutes.metricsType
        head.headerFields[.cacheControl] = "no-store"
        head.headerFields[.requestID] = request.id
        return OutboundAnswer(head, .bytes(ByteBuffer(string: await metrics())))
    }

    func problem(_ refusal: Refusal, requestID: String) -> (contentType: String, bytes: [UInt8]) {
        let problem = Problem(status: refusal.status, code: refusal.code, detail: refusal.detail)
        return (Problem.contentType, problem.bytes(requestID: requestID))
    }

    func didRefuse(_ refusal: Refusal, route: Int?, on loop: LoopState) {
        loop.counts.refusals[refusal.code, default: 0] += 1
    }
}

/// Opens the listener for scrapers and probes, and names it when it cannot be opened.
struct OperationsDoor: Service {
    let door: FrontDoor
    let address: ListenAddress

    func run() async throws {
        do { try await door.run() } catch let error as IOError { throw StartFailure(listening: address, error) }
    }
}
