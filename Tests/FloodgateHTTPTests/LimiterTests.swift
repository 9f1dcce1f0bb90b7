// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Synchronization
import Testing

@Suite("Limits of rate and number") struct LimiterTests {
    private static let second: UInt64 = 1_000_000_000
    private static let millisecond: UInt64 = 1_000_000

    @Test func `let a burst through, and then as many as flow in`() {
        let buckets = TokenBuckets(capacity: 4_096)
        let rate = TokenBuckets.Rate(perSecond: 10, burst: 5)
        var now = 1_000 * Self.second
        let burst = (0..<7).map { _ in buckets.take(1, rate, at: now) }
        #expect(burst.map(\.isAllowed) == [true, true, true, true, true, false, false])
        #expect(burst.map(\.left) == [4, 3, 2, 1, 0, 0, 0])
        #expect(burst.last?.retryAfter == 1)
        #expect(buckets.take(2, rate, at: now).isAllowed)
        var allowed = 0
        for _ in 0..<1_000 {
            now += Self.second / 100
            if buckets.take(1, rate, at: now).isAllowed { allowed += 1 }
        }
        #expect(99...101 ~= allowed)
        now += 100 * Self.second
        #expect((0..<6).map { _ in buckets.take(1, rate, at: now).isAllowed }.filter { $0 }.count == 5)
    }

    @Test func `share one bucket among those that find no room, and give the others theirs`() {
        let buckets = TokenBuckets(capacity: 1_024)
        let rate = TokenBuckets.Rate(perSecond: 1, burst: 2)
        let now = 1_000 * Self.second
        var allowed = 0
        for key in 0..<100_000 as Range<UInt64> where buckets.take(key, rate, at: now).isAllowed { allowed += 1 }
        // Room for 1,024, and two from each of the 64 shared ones at most.
        #expect(allowed <= 1_024 + 128)
        #expect(allowed >= 900)
    }

    /// Those that were told something, in order.
    private final class Told: Sendable {
        let turns = Mutex<[String]>([])

        func of(_ name: String) -> @Sendable (Turn) -> Void {
            { turn in self.turns.withLock { $0.append("\(name) \(turn)") } }
        }
        var list: [String] { turns.withLock { $0 } }
    }

    private static func limit(_ start: Int) -> AdaptiveLimit {
        var bounds = AdaptiveLimit.Bounds()
        bounds.start = start
        return AdaptiveLimit(bounds)
    }

    @Test func `let the newest of those that wait go first, and refuse the oldest when they have waited too long`() {
        let (limit, told) = (Self.limit(2), Told())
        #expect((0..<2).map { _ in limit.enter(at: 0, then: told.of("first")) } == [.now, .now])
        #expect(limit.enter(at: 1, then: told.of("old")) == .later)
        #expect(!limit.isFull(at: 60 * Self.millisecond))
        #expect(limit.enter(at: 60 * Self.millisecond, then: told.of("new")) == .later)
        #expect(limit.isFull(at: 60 * Self.millisecond))
        #expect(limit.enter(at: 70 * Self.millisecond, then: told.of("last")) == .refused)
        limit.leave(after: 1_000_000, at: 80 * Self.millisecond)
        #expect(told.list == ["new now"])
        limit.expire(at: 100 * Self.millisecond)
        #expect(limit.waiting == 1)
        limit.expire(at: 101 * Self.millisecond)
        #expect(told.list == ["new now", "old refused"])
        #expect(limit.waiting == 0)
        #expect(limit.running == 2)
        #expect(limit.takeRefusal())
        #expect(!limit.takeRefusal())
    }

    /// Takes as many places as there are.
    private static func fill(_ limit: AdaptiveLimit) {
        while limit.running < limit.limit { _ = limit.enter(at: 0) { _ in } }
    }

    @Test func `shrink while work gets slower, and grow while it does not`() {
        let limit = Self.limit(32)
        Self.fill(limit)
        for _ in 0..<640 {
            limit.leave(after: 1_000_000, at: 0)
            Self.fill(limit)
        }
        let grown = limit.limit
        #expect(grown > 32)
        for round in 0..<640 {
            limit.leave(after: round % 2 == 0 ? 1_000_000 : 80_000_000, at: 0)
            Self.fill(limit)
        }
        #expect(limit.limit < grown)
        #expect(limit.limit >= AdaptiveLimit.Bounds().least)
    }

    @Test func `never take a long overload for the usual speed`() {
        let limit = Self.limit(64)
        Self.fill(limit)
        for _ in 0..<64 {
            limit.leave(after: 1_000_000, at: 0)
            Self.fill(limit)
        }
        // 20,000 answers within ten seconds, each of them late.
        for round in 0..<20_000 as Range<UInt64> {
            limit.leave(after: 20_000_000, at: round * Self.second / 2_000)
            Self.fill(limit)
        }
        #expect(limit.limit == AdaptiveLimit.Bounds().least)
    }

    @Test func `keep the number of places while few of them are taken, however slow the work is`() {
        let limit = AdaptiveLimit()
        let before = limit.limit
        for round in 0..<640 {
            #expect(limit.enter(at: 0) { _ in } == .now)
            limit.leave(after: round % 2 == 0 ? 1_000_000 : 900_000_000, at: 0)
        }
        #expect(limit.limit == before)
    }
}
