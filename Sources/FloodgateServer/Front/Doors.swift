// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Synchronization

/// The doors of this process, for who wants to know what passes through them.
final class Doors: Sendable {
    private let doors = Mutex<[FrontDoor]>([])

    func add(_ door: FrontDoor) { doors.withLock { $0.append(door) } }

    /// What all of them counted, how late the latest loop is in nanoseconds, and how many connections there are.
    func counts() async -> (counts: [LoopCounts], lag: UInt64, connections: Int) {
        var all: [LoopCounts] = []
        var (lag, connections): (UInt64, Int) = (0, 0)
        for door in doors.withLock({ $0 }) {
            let (counts, late) = await door.counts()
            all += counts
            lag = max(lag, late)
            connections += door.connections
        }
        return (all, lag, connections)
    }
}
