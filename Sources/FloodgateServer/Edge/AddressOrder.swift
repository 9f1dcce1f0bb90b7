// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// In which order addresses are asked: the preferred one first, those that failed of late last.
///
/// An address that failed has a pause, longer with each failure in a row; then it is asked in its turn again.
package struct AddressOrder: Sendable {
    private struct Record: Sendable {
        var failures = 0
        var pausesUntil: ContinuousClock.Instant?
    }

    private static let firstPause = Duration.seconds(5)
    private static let longestPause = Duration.seconds(60)

    private var records: [Record]

    /// An order of `count` addresses, none of which has failed yet.
    package init(count: Int) { records = Array(repeating: Record(), count: count) }

    /// The numbers of all addresses, to be asked one after the other.
    package func order(at now: ContinuousClock.Instant) -> [Int] {
        func pause(_ index: Int) -> ContinuousClock.Instant? {
            records[index].pausesUntil.flatMap { $0 > now ? $0 : nil }
        }
        let good = records.indices.filter { pause($0) == nil }
        let pausing = records.indices.compactMap { index in pause(index).map { (index, $0) } }
        // Nobody is left out: when all have failed, the one whose pause ends first comes first.
        return good + pausing.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map(\.0)
    }

    /// The address gave an answer that can be used.
    package mutating func succeeded(_ index: Int) { records[index] = Record() }

    /// The address gave none.
    package mutating func failed(_ index: Int, at now: ContinuousClock.Instant) {
        let pause = min(Self.longestPause, Self.firstPause * (1 << min(records[index].failures, 4)))
        records[index].failures += 1
        records[index].pausesUntil = now + pause
    }
}
