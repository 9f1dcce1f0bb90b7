// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// When it was last known that what is served of each environment is the newest (SNAP-9): by a look at the store, or by what
/// upstream signed.
final class Freshness: Sendable {
    private let times = Mutex<[String: Int64]>([:])

    /// It was so at `time`, in Unix milliseconds.
    func confirm(_ environment: String, at time: Int64) {
        times.withLock { $0[environment] = max($0[environment] ?? time, time) }
    }

    /// How long ago that was, in seconds.
    func ages(at now: Int64) -> [String: Double] {
        times.withLock { $0.mapValues { Double(max(0, now - $0)) / 1_000 } }
    }
}
