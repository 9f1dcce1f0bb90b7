// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Comparison of version texts such as `1.10.2-beta`.
///
/// A text ends at its first `-`. Its parts, between dots, are compared as integers from left to right; missing ones
/// are 0. The first difference decides, and what stands behind it is not looked at.
package enum Version {
    /// The right-hand side of a comparison, read once.
    package struct Compiled: Sendable, Hashable {
        /// Nil where a part is no integer, which matters only if a comparison gets that far.
        fileprivate let parts: [Int128?]

        /// The parts if there are at most four and each is an integer below 10^9.
        var smallParts: [UInt32]? {
            guard parts.count <= 4 else { return nil }
            let small = parts.compactMap { part in part.flatMap { $0 < 1_000_000_000 ? UInt32($0) : nil } }
            return small.count == parts.count ? small : nil
        }

        /// Reads `text`; every text is accepted, since bad parts count only when reached.
        package init(_ text: String) {
            parts = UnsafeBufferPointer.reading(text) { bytes in
                var walk = PartWalk(bytes)
                var parts: [Int128?] = []
                while walk.hasMore { parts.append(walk.next()) }
                return parts
            }
        }
    }

    /// Negative, 0 or positive as `left` is older than, the same as or newer than `right`.
    ///
    /// Nil if a part was reached that is no integer, in which case no relation holds, not even inequality.
    package static func compare(_ left: String, _ right: Compiled) -> Int? {
        UnsafeBufferPointer.reading(left) { bytes in
            var walk = PartWalk(bytes)
            var index = 0
            while walk.hasMore || index < right.parts.count {
                guard let mine = walk.hasMore ? walk.next() : 0,
                    let theirs = index < right.parts.count ? right.parts[index] : 0
                else { return nil }
                if mine != theirs { return mine < theirs ? -1 : 1 }
                index += 1
            }
            return 0
        }
    }

    /// The parts of one text in order, read in place.
    private struct PartWalk {
        private let text: UnsafeBufferPointer<UInt8>
        private let end: Int
        private var index = 0
        private(set) var hasMore = true

        init(_ text: UnsafeBufferPointer<UInt8>) {
            self.text = text
            end = text.firstIndex(of: UInt8(ascii: "-")) ?? text.count
        }

        /// The next part, nil if it is no integer of 128 bits.
        ///
        /// Even an empty text has one part.
        mutating func next() -> Int128? {
            let start = index
            while index < end, text[index] != UInt8(ascii: ".") { index += 1 }
            let part = start..<index
            hasMore = index < end
            index += 1
            return integer(text.trimmingBlanks(part))
        }

        /// There is no minus sign to read, because the text ends at the first.
        private func integer(_ part: Range<Int>) -> Int128? {
            var part = part
            if let first = part.first, text[first] == UInt8(ascii: "+") { part = first + 1..<part.upperBound }
            guard !part.isEmpty else { return nil }
            if part.count <= 18 {
                var value = 0
                for index in part {
                    guard let digit = text.digit(at: index) else { return nil }
                    value = value &* 10 &+ digit
                }
                return Int128(value)
            }
            var value: Int128 = 0
            for index in part {
                guard let digit = text.digit(at: index) else { return nil }
                let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
                let (sum, tooLargeStill) = tens.addingReportingOverflow(Int128(digit))
                guard !tooLarge, !tooLargeStill else { return nil }
                value = sum
            }
            return value
        }
    }
}
