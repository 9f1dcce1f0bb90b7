// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import HTTPTypes
import Hummingbird
import Synchronization

/// `GET /v2/stream_config_specs`: changes of the specs of the environment that the server key opens, as they come.
struct StreamRoutes: Sendable {
    let boards: Boards
    let settings: ServerSettings
    let now: @Sendable () -> Int64

    func add(to router: Router<ServerContext>) {
        router.group("v2/stream_config_specs").group(context: SDKContext.self).get { request, context in
            try stream(request, context)
        }
    }

    /// 200: a stream that begins with what the client has not got, if anything; 503 when there are too many.
    private func stream(_ request: Request, _ context: SDKContext) throws -> Response {
        let query = request.uri.queryParameters
        guard let held = HeldSnapshot(sinceTime: query.get("sinceTime"), checksum: query.get("checksum")) else {
            throw ServerError(.malformed, "sinceTime must be a time in Unix milliseconds")
        }
        guard
            let (feed, number) = boards.feeds.feed(
                of: context.caller.environment,
                toHolderOf: held,
                announcing: query.get("announce") == "1"
            )
        else {
            throw ServerError(.unavailable, "The specs are not ready yet; try again", headers: [.retryAfter: "1"])
        }
        let place = try boards.places.takeOrRefuse()
        if let sighting = FleetSighting(of: request, context) {
            boards.fleet.see(sighting, of: context.caller.environment, at: now())
        }
        context.feed.terms = FeedTerms(
            feed,
            held: number,
            takesSteps: query.get("deltas") == "1",
            place: place,
            among: boards.places,
            settings
        ) { [ring = boards.ring, digest = context.caller.digest] in ring.isActive(digest) }
        return Response(status: .ok, headers: Self.headers)
    }

    /// What every stream of events says of itself.
    static let headers: HTTPFields = [
        .contentType: "text/event-stream", .cacheControl: "no-store", .accelBuffering: "no",
    ]
}

/// Where a route leaves the feed that its answer is to go on with.
final class FeedSlot: Sendable {
    private let held = Mutex<FeedTerms?>(nil)

    /// The feed; nil for an answer that ends.
    var terms: FeedTerms? {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }
}
