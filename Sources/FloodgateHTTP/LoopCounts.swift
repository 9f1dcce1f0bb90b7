// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What happened on one loop, for metrics.
///
/// Counting must cost next to nothing, so all that hangs on a route lies flat in one array for all routes.
package struct LoopCounts: Sendable {
    private static let classes = 5

    /// Answers, by route and then by class of status.
    private var answers: [Int] = []
    /// How long answers took, by route; those that were ready take no time worth a look at the clock.
    package private(set) var latencies: [LatencyCounts] = []
    /// Bodies of ready answers.
    package var sent = SizeCounts()
    /// Requests that were refused before any route answered, by code.
    package var refusals: [String: Int] = [:]
    /// Connections that were closed, by reason.
    package var closes: [String: Int] = [:]
    /// Connections that were taken on.
    package var accepted = 0
    /// Connections that read a feed of events now.
    package var streams = 0
    /// Bytes of bodies that came in and went out.
    package var bytesIn = 0
    package var bytesOut = 0
    /// How late the loop was at its deadlines.
    package var lag = LoopLag()

    /// Nothing counted yet.
    package init() {}

    /// How many routes were answered for.
    package var routes: Int { latencies.count }

    /// How many answers of `route` there were by class of status, 1xx to 5xx.
    package func answers(of route: Int) -> ArraySlice<Int> {
        answers[route * Self.classes..<(route + 1) * Self.classes]
    }

    mutating func answered(route: Int, status: Int, nanoseconds: Int64?) {
        let place = route &* Self.classes &+ min(max(status / 100 &- 1, 0), Self.classes &- 1)
        if place >= answers.count { grow(to: route) }
        answers[place] &+= 1
        if let nanoseconds { latencies[route].record(nanoseconds) }
    }

    private mutating func grow(to route: Int) {
        answers += [Int](repeating: 0, count: (route + 1) * Self.classes - answers.count)
        latencies += [LatencyCounts](repeating: LatencyCounts(), count: route + 1 - latencies.count)
    }
}

/// Answers by how long they took.
package struct LatencyCounts: Sendable {
    /// Upper bounds of the buckets in microseconds.
    package static let bounds = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000,
    ]
    /// How many fell into each bucket; the last is for all beyond.
    package var buckets = [Int](repeating: 0, count: bounds.count + 1)
    /// All times together, in nanoseconds.
    package var sum: Int64 = 0

    /// Nothing counted yet.
    package init() {}

    /// Adds what another loop counted.
    package mutating func add(_ other: LatencyCounts) {
        for index in buckets.indices { buckets[index] &+= other.buckets[index] }
        sum &+= other.sum
    }

    /// Counts one that took so long.
    package mutating func record(_ nanoseconds: Int64) {
        let microseconds = Int(nanoseconds / 1_000)
        let place = Self.bounds.firstIndex { microseconds <= $0 } ?? Self.bounds.count
        buckets[place] &+= 1
        sum &+= nanoseconds
    }
}

/// Bodies by route and size.
package struct SizeCounts: Sendable {
    /// Upper bounds of the buckets in bytes: from 64 to 16 Mi, each four times the one before.
    package static let bounds = (3...12).map { 1 << (2 * $0) }
    /// The buckets, the one for all beyond, and the sum.
    private static let stride = bounds.count + 2

    private var slots: [Int] = []

    /// Nothing counted yet.
    package init() {}

    /// How many routes were counted for.
    package var routes: Int { slots.count / Self.stride }

    /// How many bodies of `route` fell into each bucket, the last for all beyond; none where nothing was counted.
    package func buckets(of route: Int) -> ArraySlice<Int> {
        route < routes ? slots[route * Self.stride..<(route + 1) * Self.stride - 1] : []
    }

    /// All bytes of `route` together.
    package func sum(of route: Int) -> Int { route < routes ? slots[(route + 1) * Self.stride - 1] : 0 }

    /// Counts one body.
    package mutating func record(route: Int, bytes: Int) {
        let start = route &* Self.stride
        if start >= slots.count { slots += [Int](repeating: 0, count: start + Self.stride - slots.count) }
        // The logarithm to the base 2, rounded up, tells the power of 4.
        let bits = bytes > 64 ? Int.bitWidth &- (bytes &- 1).leadingZeroBitCount : 6
        slots[start &+ min((bits &- 5) / 2, Self.bounds.count)] &+= 1
        slots[start &+ Self.stride &- 1] &+= bytes
    }

    /// Adds what was counted elsewhere.
    package mutating func add(_ other: SizeCounts) {
        if slots.count < other.slots.count {
            slots += [Int](repeating: 0, count: other.slots.count - slots.count)
        }
        for index in other.slots.indices { slots[index] &+= other.slots[index] }
    }
}

/// How late one loop came to what was due.
package struct LoopLag: Sendable {
    /// How long the worst is remembered, at least; as long again at most.
    ///
    /// So whoever asks at least as often misses none, and several that ask do not take it from each other.
    private static let memory: UInt64 = 60_000_000_000

    /// All times that were late, and all that were not.
    package private(set) var counts = LatencyCounts()
    private var worst: UInt64 = 0
    private var worstBefore: UInt64 = 0
    private var since: UInt64 = 0

    /// Never late yet.
    package init() {}

    /// The worst of the last one to two minutes, in nanoseconds.
    package var recent: UInt64 { max(worst, worstBefore) }

    /// Notes at `now` that the loop came so late; both in nanoseconds.
    package mutating func note(_ late: UInt64, at now: UInt64) {
        counts.record(Int64(clamping: late))
        if now &- since >= Self.memory {
            worstBefore = now &- since >= 2 * Self.memory ? 0 : worst
            worst = 0
            since = now
        }
        worst = max(worst, late)
    }
}
