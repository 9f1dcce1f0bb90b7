// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which scalars are one letter when case is ignored, by Unicode's simple case folding.
struct CaseOrbits: Sendable {
    private var scalars: [UInt32] = []
    private var successors: [UInt32] = []

    /// Reads the table, in some ten microseconds.
    init() {
        var pairs: [(UInt32, UInt32)] = []
        UnicodeTables.caseOrbits.withUTF8Buffer { bytes in
            var position = 0
            var first: UInt32 = 0
            while position < bytes.count {
                first &+= UnicodeTables.number(bytes, &position)
                let shape = UnicodeTables.number(bytes, &position)
                let distance = UnicodeTables.number(bytes, &position)
                let difference = distance & 1 == 0 ? distance >> 1 : ~(distance >> 1)
                for index in 0...(shape >> 1) {
                    let scalar = first &+ index &* (1 + shape & 1)
                    pairs.append((scalar, scalar &+ difference))
                }
            }
        }
        pairs.sort { $0.0 < $1.0 }
        scalars = pairs.map(\.0)
        successors = pairs.map(\.1)
    }

    /// The other scalars of the same letter.
    func others(of scalar: UInt32) -> [UInt32] {
        var result: [UInt32] = []
        forEachOther(of: scalar) { result.append($0) }
        return result
    }

    /// The set with all scalars of every letter of which it has one.
    func closure(of set: ScalarSet) -> ScalarSet {
        var ranges = set.ranges
        for range in set.ranges {
            var index = position(of: range.lowerBound)
            while index < scalars.count, scalars[index] <= range.upperBound {
                let scalar = scalars[index]
                var next = successors[index]
                while next != scalar {
                    if !set.contains(next) { ranges.append(next...next) }
                    next = successor(of: next) ?? scalar
                }
                index += 1
            }
        }
        return ranges.count == set.ranges.count ? set : ScalarSet(joining: ranges)
    }

    private func forEachOther(of scalar: UInt32, _ body: (UInt32) -> Void) {
        var next = successor(of: scalar)
        while let found = next, found != scalar {
            body(found)
            next = successor(of: found)
        }
    }

    private func successor(of scalar: UInt32) -> UInt32? {
        let index = position(of: scalar)
        return index < scalars.count && scalars[index] == scalar ? successors[index] : nil
    }

    /// The first scalar with another case that is not below `scalar`.
    private func position(of scalar: UInt32) -> Int {
        var low = 0
        var high = scalars.count
        while low < high {
            let middle = (low + high) / 2
            if scalars[middle] < scalar { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
