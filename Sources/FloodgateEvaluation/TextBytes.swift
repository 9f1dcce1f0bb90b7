// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Reading a text's UTF-8 in place.
extension UnsafeBufferPointer<UInt8> {
    /// The bytes of `text` for the length of `body`; native strings are not copied.
    @inline(__always)
    static func reading<Result>(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = text.utf8.withContiguousStorageIfAvailable(body) { return result }
        return Array(text.utf8).withUnsafeBufferPointer(body)
    }

    /// The digit's value at `index`, or nil if there is none or another byte.
    @inline(__always)
    func digit(at index: Int) -> Int? {
        guard index < count, self[index] >= UInt8(ascii: "0"), self[index] <= UInt8(ascii: "9") else { return nil }
        return Int(self[index] &- UInt8(ascii: "0"))
    }

    /// How many bytes from `index` on, within `end`, make one Unicode blank (property White_Space); 0 if none does.
    func blankLength(at index: Int, before end: Int) -> Int {
        guard index < end else { return 0 }
        switch self[index] {
        case 0x09...0x0D, 0x20: return 1
        case 0xC2: return index + 1 < end && (self[index + 1] == 0x85 || self[index + 1] == 0xA0) ? 2 : 0
        case 0xE1...0xE3:
            guard index + 2 < end else { return 0 }
            switch (self[index], self[index + 1], self[index + 2]) {
            case (0xE1, 0x9A, 0x80), (0xE2, 0x80, 0x80...0x8A), (0xE2, 0x80, 0xA8...0xA9), (0xE2, 0x80, 0xAF),
                (0xE2, 0x81, 0x9F), (0xE3, 0x80, 0x80):
                return 3
            default: return 0
            }
        default: return 0
        }
    }

    /// `range` without the Unicode blanks at both ends.
    func trimmingBlanks(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while case let length = blankLength(at: start, before: end), length > 0 { start += length }
        shrinking: while start < end {
            for length in 1...3 where end - length >= start && blankLength(at: end - length, before: end) == length {
                end -= length
                continue shrinking
            }
            break
        }
        return start..<end
    }
}
