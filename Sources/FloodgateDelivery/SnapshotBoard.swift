// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The newest snapshot of each environment, for all requests to read; time never goes backwards on it.
package final class SnapshotBoard: Sendable {
    private let snapshots = Mutex<[String: PreparedSnapshot]>([:])
    /// Those that others took the place of, which clients may hold yet.
    private let earlier = Mutex<[String: PreparedSnapshot]>([:])

    /// Makes an empty board.
    package init() {}

    /// The newest snapshot of `environment`, or nil if none was posted yet.
    package func snapshot(of environment: String) -> PreparedSnapshot? { snapshots.withLock { $0[environment] } }

    /// The document of `environment` before the newest, if there was one since the process began.
    package func earlierSnapshot(of environment: String) -> PreparedSnapshot? {
        earlier.withLock { $0[environment] }
    }

    /// Posts `snapshot`, unless a newer one, or the same, hangs there.
    /// - Returns: Whether it was posted.
    @discardableResult
    package func post(_ snapshot: PreparedSnapshot) -> Bool {
        let (isPosted, old) = snapshots.withLock { snapshots -> (Bool, PreparedSnapshot?) in
            let current = snapshots[snapshot.environment]
            if let current {
                guard snapshot.time >= current.time else { return (false, nil) }
                guard
                    snapshot.time > current.time || snapshot.checksum != current.checksum
                        || snapshot.seal != current.seal
                else { return (false, nil) }
            }
            snapshots[snapshot.environment] = snapshot
            return (true, current)
        }
        if let old, old.time < snapshot.time { earlier.withLock { $0[snapshot.environment] = old } }
        return isPosted
    }

    /// The time of each environment's snapshot, in Unix milliseconds.
    package var times: [String: UInt64] { snapshots.withLock { $0.mapValues(\.time) } }
}
