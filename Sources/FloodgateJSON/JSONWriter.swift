// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// The value as compact JSON text in UTF-8: members in their order, texts escaped minimally, non-ASCII kept.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }

    /// The value as compact JSON text.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// Appends compact JSON to a buffer, for callers that have no `JSONValue` to begin with.
public struct JSONWriter: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []

    /// Makes a writer with an empty buffer that holds `capacity` bytes before it grows.
    public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Empties the buffer and keeps its memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Appends bytes that are JSON already, such as punctuation.
    public mutating func raw(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends bytes that are JSON already.
    public mutating func raw(_ json: some Sequence<UInt8>) { bytes.append(contentsOf: json) }

    /// Appends `value`.
    public mutating func write(_ value: JSONValue) {
        switch value {
        case .null: raw("null")
        case .bool(let flag): raw(flag ? "true" : "false")
        case .number(let number): write(number)
        case .string(let text): write(text)
        case .array(let items):
            raw("[")
            var isFirst = true
            for item in items {
                if !isFirst { raw(",") }
                isFirst = false
                write(item)
            }
            raw("]")
        case .object(let object): write(object)
        }
    }

    /// Appends `object`.
    public mutating func write(_ object: JSONObject) {
        raw("{")
        var isFirst = true
        for member in object {
            if !isFirst { raw(",") }
            isFirst = false
            write(member.name)
            raw(":")
            write(member.value)
        }
        raw("}")
    }

    /// Appends `number`.
    public mutating func write(_ number: JSONNumber) {
        switch number {
        case .integer(let value): write(integer: value)
        case .unsigned(let value): bytes.append(contentsOf: value.description.utf8)
        case .double(let value): bytes.append(contentsOf: JSONNumber.text(of: value).utf8)
        }
    }

    /// Appends an integer in decimal.
    public mutating func write(integer value: Int64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var magnitude = value.magnitude
            var start = digits.count
            repeat {
                start -= 1
                digits[start] = UInt8(truncatingIfNeeded: magnitude % 10) &+ 0x30
                magnitude /= 10
            } while magnitude > 0
            if value < 0 {
                start -= 1
                digits[start] = UInt8(ascii: "-")
            }
            bytes.append(contentsOf: digits[start...])
        }
    }

    /// Appends `text` in quotes.
    public mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            var start = 0
            for position in 0..<utf8.count {
                let byte = utf8[position]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                bytes.append(contentsOf: utf8[start..<position])
                escape(byte)
                start = position + 1
            }
            bytes.append(contentsOf: utf8[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        default:
            raw("u00")
            let digits: StaticString = "0123456789abcdef"
            bytes.append(digits.utf8Start[Int(byte >> 4)])
            bytes.append(digits.utf8Start[Int(byte & 15)])
        }
    }
}

extension JSONNumber {
    /// The shortest text that reads back as `value`: `.0` when integral, an exponent outside 1e-5…1e16 (as Rust's serde_json).
    ///
    /// A value that is not finite, which JSON cannot say, becomes `null`.
    public static func text(of value: Double) -> String {
        guard value.isFinite else { return "null" }
        var digits: [UInt8] = []
        var point = 0  // where the decimal point stands, counted from the first digit
        var exponent = 0
        var sawPoint = false
        var isNegative = false
        // The standard library's description has the shortest digits; only its layout differs.
        var text = value.description
        text.withUTF8 { utf8 in
            var position = 0
            while position < utf8.count {
                let byte = utf8[position]
                switch byte {
                case UInt8(ascii: "-"): isNegative = true
                case UInt8(ascii: "."): sawPoint = true
                case UInt8(ascii: "e"):
                    exponent = Int(String(decoding: utf8[(position + 1)...], as: UTF8.self)) ?? 0
                    position = utf8.count
                default:
                    digits.append(byte)
                    if !sawPoint { point += 1 }
                }
                position += 1
            }
        }
        point += exponent
        let leading = digits.prefix { $0 == 0x30 }.count
        digits.removeFirst(leading)
        point -= leading
        while digits.last == 0x30 { digits.removeLast() }
        let sign = isNegative ? "-" : ""
        guard !digits.isEmpty else { return "\(sign)0.0" }
        let all = String(decoding: digits, as: UTF8.self)
        if point > 0, point <= 16 {
            if digits.count <= point { return sign + all + String(repeating: "0", count: point - digits.count) + ".0" }
            return sign + all.prefix(point) + "." + all.dropFirst(point)
        }
        if point > -5, point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + all }
        let fraction = digits.count > 1 ? "." + all.dropFirst() : ""
        return sign + all.prefix(1) + fraction + "e" + String(point - 1)
    }
}
