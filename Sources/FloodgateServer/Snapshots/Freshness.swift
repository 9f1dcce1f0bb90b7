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

    /// How long ago that was, in whole seconds, as answers say it.
    func seconds(at now: Int64) -> [String: Int] { ages(at: now).mapValues { Int($0) } }

    /// The same for one environment; nil if it was never known.
    func seconds(of environment: String, at now: Int64) -> Int? {
        times.withLock { $0[environment] }.map { Int(max(0, now - $0) / 1_000) }
    }

    /// How long ago that was, in seconds.
    func ages(at now: Int64) -> [String: Double] {
        times.withLock { $0.mapValues { Double(max(0, now - $0)) / 1_000 } }
    }
}
