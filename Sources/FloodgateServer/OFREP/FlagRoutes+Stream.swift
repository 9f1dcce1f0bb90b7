// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateConsole
import FloodgateControlPlane
import FloodgateHTTP
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
        guard
            let (feed, held) = bell.feed(
                of: context.caller.environment,
                lastEventID: request.headers[.lastEventID]
            )
        else {
            throw ServerError(.unavailable, "The specs are not ready yet; try again", headers: [.retryAfter: "1"])
        }
        let digest = context.caller.digest
        context.feed.terms = try FeedTerms(
            feed,
            held: held,
            place: FlagStreamPlace(places.takeOrRefuse(), metrics),
            among: places,
            settings
        ) { [ring] in ring.isActive(digest) }
        return Response(status: .ok, headers: StreamRoutes.headers)
    }
}

/// The place of a stream of flags' changes, counted apart from others.
private final class FlagStreamPlace: Sendable {
    private let place: StreamPlaces.Place
    private let metrics: ServerMetrics

    init(_ place: StreamPlaces.Place, _ metrics: ServerMetrics) {
        self.place = place
        self.metrics = metrics
        metrics.streamOpened()
    }

    deinit { metrics.streamClosed() }
}

extension HTTPField.Name {
    /// What a client says when it comes back to a stream of events: the id of the last one that it got.
    fileprivate static let lastEventID = HTTPField.Name("last-event-id") ?? .server
}
