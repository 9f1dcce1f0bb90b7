// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Whoever reads the log beside the loader, and must not find it trimmed.
package protocol LogFollower: Sendable {
    /// Up to which position, that included, the follower needs nothing more of the log; 0 before the first batch.
    var position: Int64 { get }
}

/// What a step of a follower did.
package enum LogFollowerStep: Sendable, Hashable {
    /// There may be more to do at once.
    case moved
    /// There is nothing to do yet.
    case waiting
    /// It failed, and should be tried again after a pause.
    case failed(Duration)
}
