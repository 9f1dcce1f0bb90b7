// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Numbers as the JSON reader of Statsig's Rust core rounds them (Rust's `serde_json` without `float_roundtrip`).
///
/// It keeps as many digits as fit 64 bits, ignores the rest, and scales by one power of ten: two roundings instead of one.
enum SerdeNumber {
    private static let powersOfTen: [Double] = (0...308).map { Double("1e\($0)") ?? .infinity }

    /// The value of a text that follows JSON's grammar; nil if the core refuses it as out of range.
    static func value(of text: UnsafeBufferPointer<UInt8>) -> Double? {
        var position = text.first == UInt8(ascii: "-") ? 1 : 0
        let sign: Double = position == 1 ? -1 : 1
        var significand: UInt64 = 0
        var exponent = 0
        var isFull = false

        func digit() -> UInt64? {
            guard position < text.count, text[position] &- 0x30 < 10 else { return nil }
            return UInt64(text[position] &- 0x30)
        }
        func takes(_ digit: UInt64) -> Bool {
            let limit = UInt64.max / 10
            return significand < limit || significand == limit && digit <= UInt64.max % 10
        }
        while let next = digit() {
            isFull = isFull || !takes(next)
            if isFull { exponent += 1 } else { significand = significand * 10 + next }
            position += 1
        }
        if position < text.count, text[position] == UInt8(ascii: ".") {
            position += 1
            while let next = digit() {
                isFull = isFull || !takes(next)
                if !isFull {
                    significand = significand * 10 + next
                    exponent -= 1
                }
                position += 1
            }
        }
        if position < text.count {
            position += 1
            let isNegative = position < text.count && text[position] == UInt8(ascii: "-")
            if position < text.count, digit() == nil { position += 1 }
            var written = 0
            while let next = digit() {
                written = min(written * 10 + Int(next), 1 << 40)
                position += 1
            }
            exponent += isNegative ? -written : written
        }
        return scaled(Double(significand), by: exponent).map { sign * $0 }
    }

    private static func scaled(_ significand: Double, by exponent: Int) -> Double? {
        var value = significand
        var exponent = exponent
        while exponent < -308 {
            if value == 0 { return value }
            value /= 1e308
            exponent += 308
        }
        if exponent < 0 { return value / powersOfTen[-exponent] }
        guard exponent <= 308 else { return value == 0 ? value : nil }
        return value * powersOfTen[exponent]
    }
}
