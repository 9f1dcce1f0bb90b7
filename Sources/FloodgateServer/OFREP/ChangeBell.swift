// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Wakes all who wait whenever something was published or keys changed.
///
/// It says nothing of what changed: whoever is woken looks for the newest, so that nobody ever has a backlog.
package final class ChangeBell: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextID = 0
        var isFinished = false
    }

    private let state = Mutex(State())
    private let limit: Int

    /// Makes a bell for at most `limit` listeners at a time.
    package init(limit: Int = 10_000) { self.limit = limit }

    /// Whether another listener would be turned away.
    package var isFull: Bool { state.withLock { $0.isFinished || $0.listeners.count >= limit } }

    /// What wakes a new listener; nil if there are too many, or there is nothing to wait for any more.
    package func listen() -> (wakes: AsyncStream<Void>, wake: AsyncStream<Void>.Continuation)? {
        state.withLock { state in
            guard !state.isFinished, state.listeners.count < limit else { return nil }
            let id = state.nextID
            state.nextID += 1
            let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            state.listeners[id] = wake
            wake.onTermination = { [weak self] _ in self?.remove(id) }
            return (wakes, wake)
        }
    }

    /// Wakes everybody.
    package func ring() {
        // Out of the lock: a listener that is gone calls back.
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.yield() }
    }

    /// Sends everybody away, for shutdown.
    package func finish() {
        let listeners = state.withLock { state in
            state.isFinished = true
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }

    private func remove(_ id: Int) { state.withLock { _ = $0.listeners.removeValue(forKey: id) } }
}
