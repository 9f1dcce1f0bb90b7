// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How many streams there may be at once: those that are there are never ended to make room (EDGE-8).
final class StreamPlaces: Sendable {
    /// The place of one stream, which is free again when nobody holds it any more.
    final class Place: Sendable {
        private let places: StreamPlaces

        fileprivate init(_ places: StreamPlaces) { self.places = places }

        deinit { places.taken.subtract(1, ordering: .relaxed) }
    }

    private let limit: Int
    private let taken = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// How many are taken.
    var count: Int { taken.load(ordering: .relaxed) }

    /// Over how many milliseconds clients should spread when all streams break at once: the more there are, the longer, a
    /// minute at most (RTY-4).
    var reconnection: Int { min(60_000, max(1_000, count * 100)) }

    /// Takes a place; nil if there is none.
    func take() -> Place? {
        guard taken.add(1, ordering: .relaxed).newValue <= limit else {
            taken.subtract(1, ordering: .relaxed)
            return nil
        }
        return Place(self)
    }
}
