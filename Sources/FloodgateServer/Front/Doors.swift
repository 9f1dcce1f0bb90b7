// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Synchronization

/// The doors of this process, for who wants to know what passes through them.
final class Doors: Sendable {
    private let doors = Mutex<[FrontDoor]>([])

    func add(_ door: FrontDoor) { doors.withLock { $0.append(door) } }

    /// What they counted.
    struct State: Sendable {
        /// By door, and then by event loop.
        var counts: [[LoopCounts]] = []
        /// Connections that are open.
        var connections = 0
    }

    /// What all of them counted.
    func state() async -> State {
        var state = State()
        for door in doors.withLock({ $0 }) {
            state.counts.append(await door.counts().counts)
            state.connections += door.connections
        }
        return state
    }
}
