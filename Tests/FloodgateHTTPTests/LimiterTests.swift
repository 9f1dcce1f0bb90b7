// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Testing

@Suite("Limits of rate and number") struct LimiterTests {
    private static let second: UInt64 = 1_000_000_000

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

    @Test func `let the newest of those that wait go first, and none wait long`() async {
        var bounds = AdaptiveLimit.Bounds()
        bounds.start = 4
        let limit = AdaptiveLimit(bounds)
        for _ in 0..<4 { #expect(await limit.enter()) }
        #expect(await limit.enter() == false)
        let waiting = Task { await limit.enter() }
        while limit.running < 4 { await Task.yield() }
        for _ in 0..<50 where !waiting.isCancelled { await Task.yield() }
        limit.leave(after: 1_000_000)
        let came = await waiting.value
        #expect(limit.running == (came ? 4 : 3))
    }

    @Test func `shrink while work gets slower, and grow while it does not`() async {
        var bounds = AdaptiveLimit.Bounds()
        bounds.start = 8
        let limit = AdaptiveLimit(bounds)
        for _ in 0..<8 { _ = await limit.enter() }
        for _ in 0..<640 {
            limit.leave(after: 1_000_000)
            _ = await limit.enter()
        }
        let grown = limit.limit
        #expect(grown > 8)
        for round in 0..<640 {
            limit.leave(after: round % 2 == 0 ? 1_000_000 : 80_000_000)
            _ = await limit.enter()
        }
        #expect(limit.limit < grown)
        #expect(limit.limit >= 4)
    }
}
