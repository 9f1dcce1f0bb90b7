// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Scalars told apart only as far as a pattern does: it sees a handful of symbols instead of a million scalars.
struct Alphabet: Sendable {
    /// How many symbols there are.
    private(set) var count = 1
    /// The symbols of ASCII.
    private(set) var ascii = [UInt16](repeating: 0, count: 128)
    /// Where runs of one symbol begin, from 0, and which symbol it is.
    private var starts: [UInt32] = [0]
    private var symbols: [UInt16] = [0]
    /// For each symbol, what assertions need to know.
    private(set) var kinds: [ScalarKind] = [[]]
    /// For each set, a row of `wordsPerRow` words with a bit for each symbol.
    private var rows: [UInt64] = []
    private var wordsPerRow = 1

    init() {}

    /// The coarsest alphabet that tells members from others for each set, and for `\w` and the line feed if asked to.
    ///
    /// Nil if there would be more symbols than fit 16 bits.
    init?(sets: [ScalarSet], words: ScalarSet?, lineFeeds: Bool) {
        var all = sets
        if let words { all.append(words) }
        if lineFeeds { all.append(ScalarSet(10)) }
        var bounds: [UInt32] = [0]
        for set in all {
            for range in set.ranges {
                bounds.append(range.lowerBound)
                if range.upperBound < ScalarSet.maximum { bounds.append(range.upperBound + 1) }
            }
        }
        bounds.sort()
        starts = []
        for bound in bounds where starts.last != bound { starts.append(bound) }
        var classes = [Int](repeating: 0, count: starts.count)
        var classCount = 1
        for set in all { Self.refine(&classes, &classCount, starts, by: set) }
        guard classCount <= 60_000 else { return nil }
        var numbers = [Int](repeating: -1, count: classCount)
        count = 0
        symbols = classes.map { old in
            if numbers[old] < 0 {
                numbers[old] = count
                count += 1
            }
            return UInt16(truncatingIfNeeded: numbers[old])
        }
        merge()
        for scalar in 0..<128 { ascii[scalar] = find(UInt32(scalar)) }
        kinds = [ScalarKind](repeating: [], count: count)
        wordsPerRow = (count + 63) / 64
        rows = [UInt64](repeating: 0, count: wordsPerRow * sets.count)
        for (start, symbol) in zip(starts, symbols) {
            if words?.contains(start) == true { kinds[Int(symbol)].insert(.word) }
            if lineFeeds, start == 10 { kinds[Int(symbol)].insert(.lineFeed) }
        }
        for (row, set) in sets.enumerated() {
            for range in set.ranges {
                var index = Self.lowerBound(starts, range.lowerBound)
                while index < starts.count, starts[index] <= range.upperBound {
                    let symbol = Int(symbols[index])
                    rows[row * wordsPerRow + symbol / 64] |= 1 << UInt64(symbol % 64)
                    index += 1
                }
            }
        }
    }

    /// Whether the set with an index has the scalars of a symbol.
    @inline(__always)
    func contains(_ symbol: UInt16, set: Int) -> Bool {
        rows[set &* wordsPerRow &+ Int(symbol >> 6)] >> UInt64(symbol & 63) & 1 != 0
    }

    /// The symbol of a scalar.
    @inline(__always)
    func symbol(of scalar: UInt32) -> UInt16 {
        scalar < 128 ? ascii[Int(scalar)] : find(scalar)
    }

    private func find(_ scalar: UInt32) -> UInt16 {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= scalar { low = middle } else { high = middle }
        }
        return symbols[low]
    }

    /// Gives members of `set` another class than others of the class that they were in.
    private static func refine(
        _ classes: inout [Int],
        _ count: inout Int,
        _ starts: [UInt32],
        by set: ScalarSet
    ) {
        var successors = [Int](repeating: -1, count: count)
        for range in set.ranges {
            var index = lowerBound(starts, range.lowerBound)
            while index < starts.count, starts[index] <= range.upperBound {
                let old = classes[index]
                if successors[old] < 0 {
                    successors[old] = count
                    count += 1
                }
                classes[index] = successors[old]
                index += 1
            }
        }
        // Classes that lost all their members leave gaps; close them lest the count grow with the number of sets.
        guard count > 4 * starts.count + 64 else { return }
        var numbers: [Int: Int] = [:]
        for index in classes.indices {
            let old = classes[index]
            let new = numbers[old] ?? numbers.count
            numbers[old] = new
            classes[index] = new
        }
        count = numbers.count
    }

    private static func lowerBound(_ values: [UInt32], _ value: UInt32) -> Int {
        var low = 0
        var high = values.count
        while low < high {
            let middle = (low + high) / 2
            if values[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Joins neighbouring runs of one symbol.
    private mutating func merge() {
        var kept = 0
        for index in starts.indices where index == 0 || symbols[index] != symbols[kept - 1] {
            starts[kept] = starts[index]
            symbols[kept] = symbols[index]
            kept += 1
        }
        starts.removeLast(starts.count - kept)
        symbols.removeLast(symbols.count - kept)
    }
}
