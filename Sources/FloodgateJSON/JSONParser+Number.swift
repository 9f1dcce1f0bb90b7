// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// 10^0 … 10^22: the powers of ten that a 64-bit float holds exactly.
private let exactPowersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]

extension JSONParser {
    /// Reads a number; nearly all are integers of few digits.
    @inline(__always)
    mutating func number() throws(JSONError) {
        var place = position
        var value: Int64 = 0
        while place < count, place &- position < 18 {
            let digit = source[place] &- 0x30
            guard digit < 10 else { break }
            value = value &* 10 &+ Int64(digit)
            place &+= 1
        }
        let length = place &- position
        // A sign, a fraction, an exponent, many digits, a leading 0 and the end of the source take the long way.
        if length > 0, length < 18, place < count, length == 1 || source[position] != 0x30 {
            let next = source[place]
            if next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") {
                position = place
                push(JSONTape.Record(.integer, payload: UInt64(bitPattern: value)))
                return
            }
        }
        try slowNumber()
    }

    @inline(never)
    private mutating func slowNumber() throws(JSONError) {
        switch try anyNumber() {
        case .integer(let value): push(JSONTape.Record(.integer, payload: UInt64(bitPattern: value)))
        case .unsigned(let value): push(JSONTape.Record(.unsigned, payload: value))
        case .double(let value): push(JSONTape.Record(.double, payload: value.bitPattern))
        }
    }

    private mutating func anyNumber() throws(JSONError) -> JSONNumber {
        let start = position
        let isNegative = source[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        var mantissa: UInt64 = 0
        var overflowed = false
        var fractionDigits = 0
        var isFloat = false

        guard let first = digit() else { throw unexpected("a digit") }
        position += 1
        mantissa = UInt64(first)
        if first == 0 {
            if digit() != nil { throw failure(.malformed, "A number begins with 0") }
        } else {
            accumulate(&mantissa, &overflowed)
        }
        if position < count, source[position] == UInt8(ascii: ".") {
            isFloat = true
            position += 1
            guard digit() != nil else { throw unexpected("a digit") }
            let fraction = position
            accumulate(&mantissa, &overflowed)
            fractionDigits = position - fraction
        }
        var exponent = 0
        if position < count, source[position] | 0x20 == UInt8(ascii: "e") {
            isFloat = true
            exponent = try self.exponent()
        }
        if !isFloat, !overflowed {
            if !isNegative { return mantissa <= UInt64(Int64.max) ? .integer(Int64(mantissa)) : .unsigned(mantissa) }
            if mantissa != 0, mantissa <= UInt64(Int64.max) + 1 {
                return .integer(Int64(truncatingIfNeeded: 0 &- mantissa))
            }
        }
        // Exact while both parts are (Clinger's fast path); anything else is the standard library's.
        let scale = exponent - fractionDigits
        if !overflowed, mantissa <= 1 << 53, scale >= -22, scale <= 22 {
            let magnitude =
                scale < 0 ? Double(mantissa) / exactPowersOfTen[-scale] : Double(mantissa) * exactPowersOfTen[scale]
            return .double(isNegative ? -magnitude : magnitude)
        }
        let text = String(decoding: UnsafeBufferPointer(start: source + start, count: position - start), as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            throw JSONError(code: .numberOutOfRange, offset: start, message: "A number is beyond a 64-bit float")
        }
        return .double(value)
    }

    private func digit() -> UInt8? {
        guard position < count else { return nil }
        let value = source[position] &- 0x30
        return value < 10 ? value : nil
    }

    private mutating func accumulate(_ mantissa: inout UInt64, _ overflowed: inout Bool) {
        while let next = digit() {
            position += 1
            let (product, first) = mantissa.multipliedReportingOverflow(by: 10)
            let (sum, second) = product.addingReportingOverflow(UInt64(next))
            overflowed = overflowed || first || second
            mantissa = sum
        }
    }

    private mutating func exponent() throws(JSONError) -> Int {
        position += 1
        var isNegative = false
        if position < count, source[position] == UInt8(ascii: "-") || source[position] == UInt8(ascii: "+") {
            isNegative = source[position] == UInt8(ascii: "-")
            position += 1
        }
        guard digit() != nil else { throw unexpected("a digit") }
        var value = 0
        while let next = digit() {
            position += 1
            value = min(value * 10 + Int(next), 1_000_000)
        }
        return isNegative ? -value : value
    }
}
