// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Numbers to text and back, as comparisons of users' values see them.
package enum NumberText {
    /// The shortest decimal that reads back as `value`, without an exponent and without a trailing `.0`.
    ///
    /// Minus zero is `-0`; values that are no numbers are `inf`, `-inf` and `NaN`.
    package static func decimal(_ value: Double) -> String {
        if let small = Int64(exactly: value), small.magnitude < 1 << 53 {
            return small == 0 && value.sign == .minus ? "-0" : String(small)
        }
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-inf" : "inf" }
        var (digits, place) = shortestDigits(of: value)
        // Halfway between two shortest texts the standard library takes the even digit, the Rust core the upper one.
        if let last = digits.last, last & 1 == 0, isHalfway(value.magnitude, above: digits, pointAfter: place) {
            digits[digits.count - 1] = last + 1
        }
        return (value < 0 ? "-" : "") + written(digits, pointAfter: place)
    }

    /// The fewest digits that read back as `value`, without zeros at either end, and where the decimal point stands.
    private static func shortestDigits(of value: Double) -> (digits: [UInt8], place: Int) {
        var digits: [UInt8] = []
        var place = 0
        var isFraction = false
        let text = value.description
        let mark = text.utf8.firstIndex(of: UInt8(ascii: "e"))
        for byte in text.utf8[..<(mark ?? text.utf8.endIndex)] {
            switch byte {
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "-"): continue
            default:
                digits.append(byte)
                if !isFraction { place += 1 }
            }
        }
        if let mark { place += Int(text[text.index(after: mark)...]) ?? 0 }
        let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
        digits.removeFirst(leading)
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        return (digits, place - leading)
    }

    /// Whether `value` is exactly half a unit of the last digit above the number that `digits` write.
    private static func isHalfway(_ value: Double, above digits: [UInt8], pointAfter place: Int) -> Bool {
        // value = m · 2^q with m odd; halfway means m · 2^q = (2 d + 1) / 2 · 10^e for the integer d of the digits.
        let exponent = place - digits.count
        guard value.isNormal, digits.count <= 18 else { return false }
        let whole = value.significandBitPattern | 1 << 52
        let zeros = whole.trailingZeroBitCount
        guard Int(value.exponent) - 52 + zeros == exponent - 1 else { return false }
        let number = digits.reduce(UInt64(0)) { $0 * 10 + UInt64($1 - UInt8(ascii: "0")) } * 2 + 1
        var (small, large) = exponent < 0 ? (whole >> zeros, number) : (number, whole >> zeros)
        for _ in 0..<exponent.magnitude {
            let (product, overflows) = small.multipliedReportingOverflow(by: 5)
            if overflows || product > large { return false }
            small = product
        }
        return small == large
    }

    /// `digits` with the decimal point behind the first `place` of them, which may lie outside.
    private static func written(_ digits: [UInt8], pointAfter place: Int) -> String {
        var text: [UInt8] = []
        if place <= 0 {
            text = Array("0.".utf8) + Array(repeating: UInt8(ascii: "0"), count: -place) + digits
        } else if place >= digits.count {
            text = digits + Array(repeating: UInt8(ascii: "0"), count: place - digits.count)
        } else {
            text = digits.prefix(place) + [UInt8(ascii: ".")] + digits.dropFirst(place)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The 64-bit integer that `text` is: an optional sign and digits, nothing else.
    package static func integer(_ text: String) -> Int64? {
        UnsafeBufferPointer.reading(text) { integer($0) }
    }

    static func integer(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var index = signLength(text)
        let negative = index == 1 && text[0] == UInt8(ascii: "-")
        guard index < text.count else { return nil }
        var value: Int64 = 0
        while index < text.count {
            guard let digit = text.digit(at: index) else { return nil }
            let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, tooLargeStill) =
                negative
                ? tens.subtractingReportingOverflow(Int64(digit)) : tens.addingReportingOverflow(Int64(digit))
            guard !tooLarge, !tooLargeStill else { return nil }
            value = sum
            index += 1
        }
        return value
    }

    /// The number that `text` is, or nil; blanks, underscores and hexadecimal are not accepted.
    ///
    /// An optional sign, then digits with at most one point among, before or behind them and an optional exponent; or
    /// `inf`, `infinity` or `nan` in any case. What is too large is infinite.
    package static func double(_ text: String) -> Double? {
        enum Reading {
            case no, done(Double), ask
        }
        let reading: Reading = UnsafeBufferPointer.reading(text) { bytes in
            let start = signLength(bytes)
            let negative = start == 1 && bytes[0] == UInt8(ascii: "-")
            var index = start
            // Up to 15 digits are exact in a Double, and so is the power of ten: one division rounds correctly.
            var (mantissa, digits, decimals): (UInt64, Int, Int) = (0, 0, 0)
            while let digit = bytes.digit(at: index) {
                mantissa = mantissa &* 10 &+ UInt64(digit)
                digits += 1
                index += 1
            }
            if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
                index += 1
                while let digit = bytes.digit(at: index) {
                    mantissa = mantissa &* 10 &+ UInt64(digit)
                    digits += 1
                    decimals += 1
                    index += 1
                }
            }
            guard digits > 0 else { return word(bytes, from: start, negative: negative).map(Reading.done) ?? .no }
            if index == bytes.count {
                guard digits <= 15 else { return .ask }
                let value = Double(mantissa) / powersOfTen(decimals)
                return .done(negative ? -value : value)
            }
            guard bytes[index] | 0x20 == UInt8(ascii: "e") else { return .no }
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
                index += 1
            }
            guard index < bytes.count else { return .no }
            while bytes.digit(at: index) != nil { index += 1 }
            return index == bytes.count ? .ask : .no
        }
        switch reading {
        case .no: return nil
        case .done(let value): return value
        case .ask: return Double(text)
        }
    }

    private static func signLength(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        guard let first = text.first else { return 0 }
        return first == UInt8(ascii: "+") || first == UInt8(ascii: "-") ? 1 : 0
    }

    private static func word(_ text: UnsafeBufferPointer<UInt8>, from start: Int, negative: Bool) -> Double? {
        func equals(_ word: StaticString) -> Bool {
            guard text.count - start == word.utf8CodeUnitCount else { return false }
            return word.withUTF8Buffer { word in
                word.indices.allSatisfy { text[start + $0] | 0x20 == word[$0] }
            }
        }
        if equals("inf") || equals("infinity") { return negative ? -Double.infinity : .infinity }
        return equals("nan") ? .nan : nil
    }

    private static func powersOfTen(_ exponent: Int) -> Double {
        var power = 1.0
        for _ in 0..<exponent { power *= 10 }
        return power
    }
}
