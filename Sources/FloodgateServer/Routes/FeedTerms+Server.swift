// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import HTTPTypes
import NIOCore

extension FeedTerms {
    /// What all streams of changes of this server have in common: how they begin, how long they last, and how they end.
    init(
        _ feed: EventFeed,
        held: Int?,
        takesSteps: Bool = false,
        place: any AnyObject & Sendable,
        among places: StreamPlaces,
        _ settings: ServerSettings,
        mayStay: @escaping @Sendable () -> Bool
    ) {
        self.init(
            feed: feed,
            held: held,
            opening: ByteBuffer(string: "retry: \(places.reconnection)\n\n"),
            takesSteps: takesSteps,
            life: settings.streamLife * Double.random(in: 0.8...1.2),
            // The more there are, the longer they take to leave a server that stops; a few leave at once.
            drain: min(settings.drainTimeout * 0.8, .milliseconds(10 * places.count)),
            mayStay: mayStay,
            place: place
        )
    }
}

extension StreamPlaces {
    /// A place.
    /// - Throws: `ServerError` with 503 if there is none: those who are there stay, and whoever comes polls, and asks again at
    ///   a time of its own.
    func takeOrRefuse() throws(ServerError) -> Place {
        guard let place = take() else {
            throw ServerError(
                .unavailable,
                "There are as many streams as there may be; poll meanwhile",
                headers: [.retryAfter: String(Int.random(in: 5...30))]
            )
        }
        return place
    }
}
