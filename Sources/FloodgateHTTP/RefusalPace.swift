// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Bounds how often the connections of one loop are told that there is too much to do.
///
/// Whoever was told so was also told to come again in a second. Who does not wait is not read for most of that second once
/// there are more refusals than the loop can make on the side; else clients that ask again at once would keep the server
/// from the work that it still can do. The one that has waited longest is read first. Times are in nanoseconds.
package struct RefusalPace<Connection> {
    /// Refusals that a loop makes each second without anybody having to wait.
    package static var perSecond: Double { 1_000 }
    /// Refusals at once.
    package static var burst: Double { 100 }
    /// How long a connection waits, at most.
    package static var longest: UInt64 { 800_000_000 }

    private var tokens = Self.burst
    private var filledAt: UInt64
    private var waiting: [(connection: Connection, since: UInt64)] = []

    /// A pace that begins at `now`.
    package init(at now: UInt64) { filledAt = now }

    /// Whether nobody waits.
    package var isEmpty: Bool { waiting.isEmpty }

    /// Notes a refusal; true if `connection` is not to be read until `release` names it.
    package mutating func mustWait(_ connection: Connection, at now: UInt64) -> Bool {
        fill(at: now)
        tokens -= 1
        guard tokens < 0 else { return false }
        waiting.append((connection, now))
        return true
    }

    /// Those that are to be read again: as many as tokens have come back for, and all that have waited long enough.
    package mutating func release(at now: UInt64) -> [Connection] {
        fill(at: now)
        let paid = max(0, waiting.count - Int((-tokens).rounded(.up)))
        let old = waiting.prefix { $0.since &+ Self.longest <= now }.count
        let ready = waiting.prefix(max(paid, old)).map(\.connection)
        waiting.removeFirst(ready.count)
        // Nobody owes more than those that still wait, or a flood would be felt long after it.
        tokens = max(tokens, -Double(waiting.count))
        return ready
    }

    private mutating func fill(at now: UInt64) {
        guard now > filledAt else { return }
        tokens = min(Self.burst, tokens + Double(now - filledAt) / 1e9 * Self.perSecond)
        filledAt = now
    }
}

extension LoopState {
    private static let paceTick = TimeAmount.milliseconds(10)

    /// Notes that `connection` was told that there is too much to do; true if it is not to be read until it is resumed.
    func mustWait(_ connection: HTTP1Connection) -> Bool {
        let wasEmpty = pace.isEmpty
        guard pace.mustWait(connection, at: now) else { return false }
        if wasEmpty { scheduleRelease() }
        return true
    }

    private func scheduleRelease() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.paceTick) { bound.value.release() }
    }

    private func release() {
        let ready = pace.release(at: now)
        // Before anybody waits again, who would otherwise schedule once more.
        if !pace.isEmpty { scheduleRelease() }
        for connection in ready { connection.resume() }
    }
}
