// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateConsole
import FloodgateControlPlane
import FloodgateJSON
import HTTPTypes
import Hummingbird

extension FlagRoutes {
    /// Where changes are told, as OFREP names it; under the origin that the client knows, if the server was told no other.
    ///
    /// Browsers cannot send a header along, so the address of a client key has it in the query.
    func eventStream(_ clientKey: String?, _ context: SDKContext) -> JSONValue {
        var endpoint = JSONObject()
        var path = context.hadPathPrefix ? settings.pathPrefix : ""
        if let url = settings.publicURL {
            let authority = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
            let rest = authority.firstIndex(of: "/") ?? url.endIndex
            endpoint["origin"] = .string(String(url[..<rest]))
            path = String(url[rest...])
        }
        path += "/ofrep/v1/stream"
        if let clientKey { path += "?k=" + URLText.encoded(clientKey) }
        endpoint["requestUri"] = .string(path)
        return ["type": "sse", "endpoint": .object(endpoint), "inactivityDelaySec": 120]
    }

    /// 200: server-sent events without an end, one at once unless `Last-Event-ID` names the newest; 503: there are too many.
    @Sendable func changes(_ request: Request, _ context: SDKContext) throws -> Response {
        guard !bell.isFull else {
            throw ServerError(
                .unavailable,
                "There are as many streams as there may be; ask for the flags now and then",
                headers: [.retryAfter: String(Int.random(in: 5...30))]
            )
        }
        let digest = context.caller.digest
        let stream = FlagStream(
            board: board,
            bell: bell,
            environment: context.caller.environment,
            lastEventID: request.headers[.lastEventID],
            isStillWelcome: { [ring] in ring.isActive(digest) }
        )
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no"],
            body: ResponseBody { [metrics] writer in
                metrics.streamOpened()
                defer { metrics.streamClosed() }
                try await stream.write(to: &writer)
            }
        )
    }
}

extension HTTPField.Name {
    /// What a client says when it comes back to a stream of events: the id of the last one that it got.
    fileprivate static let lastEventID = HTTPField.Name("last-event-id") ?? .server
}
