// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// 10^0 … 10^22: the powers of ten that a 64-bit float holds exactly.
private let exactPowersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]

extension JSONParser {
    mutating func number() throws(JSONError) -> JSONNumber {
        let start = position
        let isNegative = buffer[position] == UInt8(ascii: "-")
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
        if position < buffer.count, buffer[position] == UInt8(ascii: ".") {
            isFloat = true
            position += 1
            guard digit() != nil else { throw unexpected("a digit") }
            let fraction = position
            accumulate(&mantissa, &overflowed)
            fractionDigits = position - fraction
        }
        var exponent = 0
        if position < buffer.count, buffer[position] | 0x20 == UInt8(ascii: "e") {
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
        let text = String(decoding: UnsafeBufferPointer(rebasing: buffer[start..<position]), as: UTF8.self)
        guard let value = Double(text), value.isFinite else {
            throw JSONError(code: .numberOutOfRange, offset: start, message: "A number is beyond a 64-bit float")
        }
        return .double(value)
    }

    private func digit() -> UInt8? {
        guard position < buffer.count else { return nil }
        let value = buffer[position] &- 0x30
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
        if position < buffer.count, buffer[position] == UInt8(ascii: "-") || buffer[position] == UInt8(ascii: "+") {
            isNegative = buffer[position] == UInt8(ascii: "-")
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
