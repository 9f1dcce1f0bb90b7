// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Unicode's properties, as texts that cost nothing until a pattern asks for one.
///
/// A table has one line for each set: its names in lower case without `_`, `-` and spaces, `=`, and the set as numbers
/// by turns of how many scalars are left out and how many more than one are in. A number is written low digits first,
/// in base 32 from `0` on, and 32 is added to each digit but the last.
enum UnicodeTables {
    /// The set that a table has under a name.
    static func set(_ name: some Collection<UInt8>, in table: StaticString) -> ScalarSet? {
        let names = Array(name)
        guard !names.isEmpty else { return nil }
        var found: ScalarSet?
        _ = forEachLine(of: table) { line in
            guard line.split(separator: UInt8(ascii: "=")).first.map({ lists($0, names) }) == true else { return true }
            found = decoded(line)
            return false
        }
        return found
    }

    /// The union of the sets from the table's first line through the one with the name.
    static func sets(through name: some Collection<UInt8>, in table: StaticString) -> ScalarSet? {
        let names = Array(name)
        guard !names.isEmpty else { return nil }
        var ranges: [ClosedRange<UInt32>] = []
        let ended = forEachLine(of: table) { line in
            ranges += decoded(line).ranges
            return line.split(separator: UInt8(ascii: "=")).first.map { lists($0, names) } != true
        }
        return ended ? nil : ScalarSet(joining: ranges)
    }

    private static func lists(_ names: UnsafeBufferPointer<UInt8>.SubSequence, _ name: [UInt8]) -> Bool {
        names.split(separator: UInt8(ascii: " ")).contains { $0.elementsEqual(name) }
    }

    /// Whether every line was visited, that is, `body` never answered false.
    private static func forEachLine(
        of table: StaticString,
        _ body: (UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Bool {
        table.withUTF8Buffer { bytes in
            var start = 0
            while start < bytes.count {
                var end = start
                while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
                guard body(UnsafeBufferPointer(rebasing: bytes[start..<end])) else { return false }
                start = end + 1
            }
            return true
        }
    }

    private static func decoded(_ line: UnsafeBufferPointer<UInt8>) -> ScalarSet {
        guard var position = line.firstIndex(of: UInt8(ascii: "=")) else { return ScalarSet() }
        position += 1
        var ranges: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        while position < line.count {
            let lower = next &+ number(line, &position)
            let upper = lower &+ number(line, &position)
            guard lower <= upper, upper <= ScalarSet.maximum else { break }
            ranges.append(lower...upper)
            next = upper + 1
        }
        return ScalarSet(joining: ranges)
    }

    /// Reads one number of a table and moves past it.
    static func number(_ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> UInt32 {
        var value: UInt32 = 0
        var shift: UInt32 = 0
        while position < bytes.count {
            let digit = UInt32(bytes[position] &- 48)
            position += 1
            value |= (digit & 31) << shift
            if digit < 32 { break }
            shift += 5
        }
        return value
    }
}
