// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lets as many requests of one class work at once as the server can bear, found out from how long they take.
///
/// The limit grows while nine in ten take at most half as long again as the fastest did, and shrinks by a tenth
/// otherwise. Who finds it reached waits, the newest first, and not for long: an old request is one whose client has
/// given up, and an answer to it is work for nobody.
package final class AdaptiveLimit: Sendable {
    /// The bounds of a limit.
    package struct Bounds: Sendable {
        /// At once, at the beginning.
        package var start = 64
        /// At once, at least.
        package var least = 4
        /// At once, at most.
        package var most = 4_096
        /// How long a request may wait for its turn.
        package var patience = Duration.milliseconds(100)
        /// By how much nine in ten may be slower than the fastest, beyond half as long again.
        package var tolerance = Duration.milliseconds(5)

        /// The defaults.
        package init() {}
    }

    private struct State {
        var limit: Double
        var running = 0
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
        var nextID: UInt64 = 0
        var samples: [Int64] = []
        var wasFull = false
        /// The fastest of late, in nanoseconds; forgets slowly, since the work may change.
        var fastest: Double?
    }

    private let bounds: Bounds
    private let state: Mutex<State>

    /// A limit within `bounds`.
    package init(_ bounds: Bounds = Bounds()) {
        self.bounds = bounds
        state = Mutex(State(limit: Double(bounds.start)))
    }

    /// How many may work at once now.
    package var limit: Int { state.withLock { Int($0.limit) } }
    /// How many work.
    package var running: Int { state.withLock { $0.running } }

    /// Whether so many wait already that another would wait in vain.
    package var isFull: Bool { state.withLock { $0.waiting.count >= Int($0.limit) } }

    /// Waits for a turn.
    /// - Returns: Whether it came; `leave` must be called then, and only then.
    package func enter() async -> Bool {
        let id: UInt64? = state.withLock { state in
            if state.running < Int(state.limit) {
                state.running += 1
                return nil
            }
            state.wasFull = true
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return true }
        let patience = bounds.patience
        let alarm = Task { [weak self] in
            try? await Task.sleep(for: patience)
            self?.giveUp(id)
        }
        defer { alarm.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let verdict: Bool? = state.withLock { state in
                    if state.running < Int(state.limit) {
                        state.running += 1
                        return true
                    }
                    guard state.waiting.count < Int(state.limit), !Task.isCancelled else { return false }
                    state.waiting.append((id, continuation))
                    return nil
                }
                if let verdict { continuation.resume(returning: verdict) }
            }
        } onCancel: {
            giveUp(id)
        }
    }

    /// Gives the turn back.
    /// - Parameter nanoseconds: How long the work took; nil if it says nothing about the server, because it was broken off.
    package func leave(after nanoseconds: Int64?) {
        let next = state.withLock { state in
            if let nanoseconds { learn(nanoseconds, &state) }
            state.running -= 1
            guard state.running < Int(state.limit), let newest = state.waiting.popLast() else {
                return nil as CheckedContinuation<Bool, Never>?
            }
            state.running += 1
            return newest.continuation
        }
        next?.resume(returning: true)
    }

    private func giveUp(_ id: UInt64) {
        let continuation = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.id == id }) else {
                return nil as CheckedContinuation<Bool, Never>?
            }
            return state.waiting.remove(at: index).continuation
        }
        continuation?.resume(returning: false)
    }

    private func learn(_ nanoseconds: Int64, _ state: inout State) {
        if state.running >= Int(state.limit) { state.wasFull = true }
        state.samples.append(nanoseconds)
        guard state.samples.count >= 64 else { return }
        state.samples.sort()
        let slow = Double(state.samples[state.samples.count * 9 / 10])
        let fast = Double(state.samples[state.samples.count / 10])
        let fastest = min(fast, (state.fastest ?? fast) * 1.02)
        state.fastest = fastest
        let tolerance = Double(bounds.tolerance.nanoseconds)
        if slow > fastest * 1.5 + tolerance {
            state.limit = max(Double(bounds.least), state.limit * 0.9)
        } else if state.wasFull {
            state.limit = min(Double(bounds.most), state.limit + max(1, state.limit * 0.05))
        }
        state.wasFull = false
        state.samples.removeAll(keepingCapacity: true)
    }
}
