// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Testing

@Suite("What loops count") struct LoopCountsTests {
    @Test(arguments: [
        (0, 0), (1, 0), (64, 0), (65, 1), (256, 1), (257, 2), (1 << 10, 2), (1 << 24, 9), (1 << 24 + 1, 10),
        (Int.max >> 8, 10),
    ])
    func `a body falls into the first bucket that holds it`(bytes: Int, bucket: Int) {
        var counts = SizeCounts()
        counts.record(route: 2, bytes: bytes)
        #expect(counts.routes == 3)
        #expect(Array(counts.buckets(of: 2)).firstIndex(of: 1) == bucket)
        #expect(counts.buckets(of: 2).reduce(0, +) == 1)
        #expect(counts.buckets(of: 2).count == SizeCounts.bounds.count + 1)
        #expect(counts.sum(of: 2) == bytes)
        if bucket < SizeCounts.bounds.count { #expect(bytes <= SizeCounts.bounds[bucket]) }
        if bucket > 0 { #expect(bytes > SizeCounts.bounds[bucket - 1]) }
        #expect(counts.buckets(of: 0).allSatisfy { $0 == 0 } && counts.buckets(of: 3).isEmpty)
    }

    @Test func `counts of several loops add up`() {
        var (first, second) = (SizeCounts(), SizeCounts())
        first.record(route: 0, bytes: 10)
        second.record(route: 1, bytes: 1_000)
        second.record(route: 0, bytes: 20)
        first.add(second)
        #expect(first.sum(of: 0) == 30 && first.sum(of: 1) == 1_000)
        #expect(first.buckets(of: 0).first == 2 && first.buckets(of: 1)[first.buckets(of: 1).startIndex + 2] == 1)
    }

    @Test func `the worst lag is remembered for one minute at least and for two at most`() {
        let second: UInt64 = 1_000_000_000
        var lag = LoopLag()
        #expect(lag.recent == 0)
        lag.note(5, at: 1_000 * second)
        lag.note(70, at: 1_001 * second)
        lag.note(1, at: 1_002 * second)
        #expect(lag.recent == 70)
        lag.note(2, at: 1_061 * second)
        #expect(lag.recent == 70)
        lag.note(3, at: 1_122 * second)
        #expect(lag.recent == 3)
        lag.note(0, at: 1_400 * second)
        #expect(lag.recent == 0, "what was before a long silence is not of late")
        #expect(lag.counts.buckets.reduce(0, +) == 6)
    }
}
