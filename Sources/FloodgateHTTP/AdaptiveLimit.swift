// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lets as many requests of one class work at once as the server can bear, found out from how long they take.
///
/// The limit grows while nine in ten take at most half as long again as the fastest did, and shrinks by a tenth
/// otherwise. Who finds it reached waits, the newest first, and not for long: an old request is one whose client has
/// given up, and an answer to it is work for nobody. Times are of a monotonic clock, in nanoseconds.
package final class AdaptiveLimit: Sendable {
    /// The bounds of a limit.
    package struct Bounds: Sendable {
        /// At once, at the beginning.
        package var start = 64
        /// At once, at least.
        package var least = 16
        /// At once, at most.
        package var most = 4_096
        /// How long a request may wait for its turn.
        package var patience = Duration.milliseconds(100)
        /// By how much nine in ten may be slower than the fastest, beyond half as long again.
        package var tolerance = Duration.milliseconds(5)

        /// The defaults.
        package init() {}
    }

    private struct Waiting {
        let since: UInt64
        let then: @Sendable (Turn) -> Void
    }

    private struct State {
        var limit: Double
        var running = 0
        /// The oldest first.
        var waiting: [Waiting] = []
        var samples: [Int64] = []
        /// The most that ran at once since the limit was last thought over.
        var peak = 0
        /// The fastest of late, in nanoseconds, and when it was last made a little slower, since the work may change.
        var fastest: Double?
        var fadedAt: UInt64 = 0
        /// When somebody last waited in vain; 0 for never.
        var expiredAt: UInt64 = 0
        /// Whether anybody was refused since somebody last asked.
        var hasRefused = false

        init(limit: Int) {
            self.limit = Double(limit)
            samples.reserveCapacity(AdaptiveLimit.window)
        }

        /// How many may wait: fewer once some did so in vain, since whoever waits has cost something already.
        func room(at now: UInt64) -> Int {
            expiredAt > 0 && now &- expiredAt < 1_000_000_000 ? max(1, Int(limit) / 8) : Int(limit)
        }

        /// Takes a place, if there is a free one.
        mutating func startOne() -> Bool {
            guard running < Int(limit) else { return false }
            running += 1
            peak = max(peak, running)
            return true
        }
    }

    /// So many answers make up the next limit.
    private static let window = 64

    private let bounds: Bounds
    private let state: Mutex<State>

    /// A limit within `bounds`.
    package init(_ bounds: Bounds = Bounds()) {
        self.bounds = bounds
        state = Mutex(State(limit: bounds.start))
    }

    /// How many may work at once now.
    package var limit: Int { state.withLock { Int($0.limit) } }
    /// How many work.
    package var running: Int { state.withLock { $0.running } }
    /// How many wait for their turn.
    package var waiting: Int { state.withLock { $0.waiting.count } }

    /// Whether so many wait already that another would wait in vain; who is told so counts as refused.
    package func isFull(at now: UInt64) -> Bool {
        state.withLock { state in
            guard state.waiting.count >= state.room(at: now) else { return false }
            state.hasRefused = true
            return true
        }
    }

    /// Whether anybody was refused since this was last asked.
    package func takeRefusal() -> Bool {
        state.withLock { state in
            defer { state.hasRefused = false }
            return state.hasRefused
        }
    }

    /// Asks for a turn.
    /// - Parameters:
    ///   - now: The time.
    ///   - then: Told what becomes of a request that has to wait, once, from any thread.
    /// - Returns: What becomes of the request; `leave` must be called after `now`, here or there, and only then.
    package func enter(at now: UInt64, then: @escaping @Sendable (Turn) -> Void) -> Turn {
        state.withLock { state in
            if state.startOne() { return .now }
            guard state.waiting.count < state.room(at: now) else {
                state.hasRefused = true
                return .refused
            }
            state.waiting.append(Waiting(since: now, then: then))
            return .later
        }
    }

    /// Gives the turn back.
    /// - Parameters:
    ///   - nanoseconds: How long the work took; nil if it says nothing about the server, because it was broken off.
    ///   - now: The time.
    package func leave(after nanoseconds: Int64?, at now: UInt64) {
        let next = state.withLock { state in
            if let nanoseconds { learn(nanoseconds, now, &state) }
            state.running -= 1
            guard !state.waiting.isEmpty, state.startOne() else { return nil as Waiting? }
            return state.waiting.removeLast()
        }
        next?.then(.now)
    }

    /// Refuses those that have waited too long; to be called every now and then.
    package func expire(at now: UInt64) {
        let patience = UInt64(bounds.patience.nanoseconds)
        let old = state.withLock { state -> ArraySlice<Waiting> in
            let count = state.waiting.firstIndex { $0.since &+ patience > now } ?? state.waiting.count
            guard count > 0 else { return [] }
            let old = state.waiting[..<count]
            state.waiting.removeFirst(count)
            state.hasRefused = true
            state.expiredAt = now
            return old
        }
        for waiting in old { waiting.then(.refused) }
    }

    private func learn(_ nanoseconds: Int64, _ now: UInt64, _ state: inout State) {
        state.samples.append(nanoseconds)
        guard state.samples.count >= Self.window else { return }
        state.samples.sort()
        let slow = Double(state.samples[Self.window * 9 / 10])
        let fast = Double(state.samples[0])
        // By one in a hundred each second.
        let seconds = state.fastest == nil ? 0 : Double(now &- state.fadedAt) / 1e9
        let fastest = min(fast, (state.fastest ?? fast) * (1 + 0.01 * min(seconds, 60)))
        state.fastest = fastest
        state.fadedAt = now
        // While few of the places are taken, slow work says nothing about their number.
        let isUsed = Double(state.peak) >= state.limit / 2
        if slow > fastest * 1.5 + Double(bounds.tolerance.nanoseconds) {
            if isUsed { state.limit = max(Double(bounds.least), state.limit * 0.9) }
        } else if isUsed {
            state.limit = min(Double(bounds.most), state.limit + max(1, state.limit * 0.05))
        }
        state.peak = state.running
        state.samples.removeAll(keepingCapacity: true)
    }
}
