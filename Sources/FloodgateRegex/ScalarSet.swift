// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A set of Unicode scalars as ranges: ascending, without overlap and never touching.
///
/// Surrogates may be members, since no text holds one.
struct ScalarSet: Hashable, Sendable {
    /// The largest scalar.
    static let maximum: UInt32 = 0x10FFFF

    private(set) var ranges: [ClosedRange<UInt32>]

    /// The empty set.
    init() { ranges = [] }

    /// The set of one range.
    init(_ range: ClosedRange<UInt32>) { ranges = [range] }

    /// The set of one scalar.
    init(_ scalar: UInt32) { ranges = [scalar...scalar] }

    /// The union of ranges in any order.
    init(joining ranges: [ClosedRange<UInt32>]) {
        self.ranges = Self.joined(ranges)
    }

    /// Every scalar.
    static let all = ScalarSet(0...maximum)
    /// Every scalar but the line feed.
    static let allButLineFeed = ScalarSet(joining: [0...9, 11...maximum])
    /// The hexadecimal digits of ASCII.
    static let hexDigits = ScalarSet(joining: [48...57, 65...70, 97...102])

    /// Whether `scalar` is a member, in O(log ranges).
    func contains(_ scalar: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= scalar
    }

    func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(joining: ranges + other.ranges) }

    mutating func formUnion(_ other: ScalarSet) { self = union(other) }

    func intersection(_ other: ScalarSet) -> ScalarSet {
        var result = ScalarSet()
        var mine = 0
        var theirs = 0
        while mine < ranges.count, theirs < other.ranges.count {
            let (a, b) = (ranges[mine], other.ranges[theirs])
            if a.overlaps(b) { result.ranges.append(a.clamped(to: b)) }
            if a.upperBound < b.upperBound { mine += 1 } else { theirs += 1 }
        }
        return result
    }

    func subtracting(_ other: ScalarSet) -> ScalarSet { intersection(other.inverted()) }

    func symmetricDifference(_ other: ScalarSet) -> ScalarSet {
        union(other).subtracting(intersection(other))
    }

    func inverted() -> ScalarSet {
        var result = ScalarSet()
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.ranges.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= Self.maximum { result.ranges.append(next...Self.maximum) }
        return result
    }

    private static func joined(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard let last = result.last, range.lowerBound <= last.upperBound + 1 else {
                result.append(range)
                continue
            }
            if range.upperBound > last.upperBound { result[result.count - 1] = last.lowerBound...range.upperBound }
        }
        return result
    }
}
