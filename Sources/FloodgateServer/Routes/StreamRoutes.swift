// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// `GET /v2/stream_config_specs`: changes of the specs of the environment that the server key opens, as they come.
struct StreamRoutes: Sendable {
    let boards: Boards
    let settings: ServerSettings

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
        guard let place = boards.places.take() else {
            // Those who are there stay; whoever comes polls, and asks again at a time of its own.
            throw ServerError(
                .unavailable,
                "There are as many streams as there may be; poll meanwhile",
                headers: [.retryAfter: String(Int.random(in: 5...30))]
            )
        }
        let digest = context.caller.digest
        context.feed.terms = FeedTerms(
            feed: feed,
            held: number,
            opening: ByteBuffer(string: "retry: \(boards.places.reconnection)\n\n"),
            takesSteps: query.get("deltas") == "1",
            life: settings.streamLife * Double.random(in: 0.8...1.2),
            // The more there are, the longer they take to leave a server that stops; a few leave at once.
            drain: min(settings.drainTimeout * 0.8, .milliseconds(10 * boards.places.count)),
            mayStay: { [ring = boards.ring] in ring.isActive(digest) },
            place: place
        )
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
