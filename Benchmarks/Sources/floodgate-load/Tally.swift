// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What became of the requests of a span of time.
struct Tally: Sendable {
    /// Answers later than this after they were due are nobody's any more.
    static let patience: UInt64 = 1_000_000_000

    /// Requests that were due.
    var offered = 0
    /// Those of them that were sent.
    var sent = 0
    /// Good answers in time.
    var good = 0
    /// Good answers that came too late.
    var late = 0
    /// 503, with or without a hint when to come again.
    var shed = 0
    /// 503 without `Retry-After`, other statuses, and broken connections.
    var errors = 0
    /// How long good answers in time took after they were due, in microseconds.
    var latencies: [UInt32] = []

    static func += (sum: inout Tally, part: Tally) {
        sum.offered += part.offered
        sum.sent += part.sent
        sum.good += part.good
        sum.late += part.late
        sum.shed += part.shed
        sum.errors += part.errors
        sum.latencies += part.latencies
    }

    /// The latency that the share `percentile` of the good answers kept, in milliseconds.
    func latency(_ percentile: Double) -> Double { Self.latency(latencies, percentile) }

    static func latency(_ latencies: [UInt32], _ percentile: Double) -> Double {
        guard !latencies.isEmpty else { return .nan }
        let sorted = latencies.sorted()
        return Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * percentile / 100))]) / 1_000
    }
}
