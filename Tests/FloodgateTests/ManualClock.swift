// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Synchronization

/// Time that stands still until a test moves it, so that no test sleeps or depends on the machine's speed.
final class ManualClock: Sendable {
    private struct Sleeper {
        var due: Int64
        var length: Int64
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var now: Int64 = 0
        var nextID: UInt64 = 0
        var sleepers: [UInt64: Sleeper] = [:]
        var watchers: [(length: Int64, continuation: CheckedContinuation<Void, Never>)] = []
    }

    /// Unix milliseconds at the clock's zero.
    static let start: Int64 = 1_750_000_000_000

    private let state = Mutex(State())
    private let random: Double

    /// Makes a clock; `random` is what chance always says, in the middle by default, so that intervals come out even.
    init(random: Double = 0.5) { self.random = random }

    /// The client's view of this clock.
    var timing: Timing {
        Timing(
            monotonic: { self.state.withLock { $0.now } },
            wall: { Self.start + self.state.withLock { $0.now } / 1_000_000 },
            sleep: { try await self.sleep($0) },
            random: { self.random }
        )
    }

    /// Moves time on and wakes whoever has slept long enough.
    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now += Self.nanoseconds(duration)
            let due = state.sleepers.filter { $0.value.due <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.due < $1.due }
        }
        for sleeper in due { sleeper.continuation.resume(returning: true) }
    }

    /// Waits until somebody sleeps who asked for exactly `duration`.
    func isAsked(for duration: Duration) async {
        let length = Self.nanoseconds(duration)
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.sleepers.values.contains(where: { $0.length == length }) { return true }
                state.watchers.append((length, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Waits until nobody sleeps for exactly `duration`.
    func isLeft(for duration: Duration) async {
        let length = Self.nanoseconds(duration)
        while state.withLock({ $0.sleepers.values.contains { $0.length == length } }), !Task.isCancelled {
            await Task.yield()
        }
    }

    /// Waits until somebody sleeps for exactly `duration`, and moves time on by it.
    func pass(_ duration: Duration) async {
        await isAsked(for: duration)
        advance(by: duration)
    }

    /// How many sleep.
    var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    private func sleep(_ duration: Duration) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let length = Self.nanoseconds(duration)
        let isOver = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
                let (answer, watchers) = state.withLock { state -> (Bool?, [CheckedContinuation<Void, Never>]) in
                    if Task.isCancelled { return (false, []) }
                    if length <= 0 { return (true, []) }
                    let sleeper = Sleeper(due: state.now + length, length: length, continuation: continuation)
                    state.sleepers[id] = sleeper
                    let watchers = state.watchers.filter { $0.length == length }
                    state.watchers.removeAll { $0.length == length }
                    return (nil, watchers.map(\.continuation))
                }
                if let answer { continuation.resume(returning: answer) }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(returning: false)
        }
        if !isOver { throw CancellationError() }
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1_000_000_000 + duration.components.attoseconds / 1_000_000_000
    }
}
