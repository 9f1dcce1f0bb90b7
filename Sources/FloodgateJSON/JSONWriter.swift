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

// SAFETY: the writer's memory has one owner, as the type is not copied.

/// Appends compact JSON to a buffer, for callers that have no `JSONValue` to begin with.
///
/// Owns plain memory, because an array asks at each append whether it is shared, which costs as much as most pieces do.
public struct JSONWriter: ~Copyable, @unchecked Sendable {
    @usableFromInline var start: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var length = 0

    /// Makes a writer with an empty buffer that holds `capacity` bytes before it grows.
    public init(capacity: Int = 0) {
        self.capacity = max(capacity, 64)
        start = .allocate(capacity: self.capacity)
    }

    deinit { start.deallocate() }

    /// How many bytes were written so far.
    public var count: Int { length }

    /// What was written so far.
    public var bytes: [UInt8] { withBytes { Array($0) } }

    /// Reads what was written so far in place.
    @inlinable
    public func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try body(buffer)
    }

    @usableFromInline
    var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: length) }

    /// Empties the buffer and keeps its memory.
    public mutating func removeAll() { length = 0 }

    /// Makes room for `extra` bytes.
    @inlinable
    @inline(__always)
    mutating func reserve(_ extra: Int) {
        if capacity &- length < extra { grow(extra) }
    }

    @inline(never)
    @usableFromInline
    mutating func grow(_ extra: Int) {
        capacity = max(capacity * 2, length + extra)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: start, count: length)
        start.deallocate()
        start = larger
    }

    @inlinable
    @inline(__always)
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ extra: Int) {
        reserve(extra)
        (start + length).update(from: bytes, count: extra)
        length &+= extra
    }

    /// Appends bytes that are JSON already, such as punctuation.
    @inlinable
    @inline(__always)
    public mutating func raw(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    /// Appends bytes that are JSON already.
    public mutating func raw(_ json: UnsafeBufferPointer<UInt8>) {
        if let first = json.baseAddress { append(first, json.count) }
    }

    /// Appends bytes that are JSON already.
    public mutating func raw(_ json: some Sequence<UInt8>) {
        if json.withContiguousStorageIfAvailable({ raw($0) }) != nil { return }
        for byte in json {
            reserve(1)
            start[length] = byte
            length &+= 1
        }
    }

    /// Appends again what stands at `range`.
    package mutating func `repeat`(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= length, "only what was written can be repeated")
        reserve(range.count)
        (start + length).update(from: start + range.lowerBound, count: range.count)
        length &+= range.count
    }

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
        case .unsigned(let value): write(unsigned: value)
        case .double(let value): raw(JSONNumber.text(of: value).utf8)
        }
    }

    /// Appends an integer in decimal.
    public mutating func write(integer value: Int64) {
        if value < 0 { raw("-") }
        write(unsigned: value.magnitude)
    }

    /// Appends an integer in decimal.
    public mutating func write(unsigned value: UInt64) {
        var (count, bound) = (1, UInt64(10))
        while count < 20, value >= bound {
            count &+= 1
            bound = count < 20 ? bound &* 10 : bound
        }
        reserve(count)
        var (rest, place) = (value, start + (length &+ count))
        // Two at a time: a division takes longer than all else.
        while rest >= 10 {
            let pair = UInt32(truncatingIfNeeded: rest % 100)
            rest /= 100
            place -= 2
            place[0] = UInt8(truncatingIfNeeded: pair / 10) &+ 0x30
            place[1] = UInt8(truncatingIfNeeded: pair % 10) &+ 0x30
        }
        if place > start + length { start[length] = UInt8(truncatingIfNeeded: rest) &+ 0x30 }
        length &+= count
    }

    /// Appends `text` in quotes.
    public mutating func write(_ text: String) {
        if text.utf8.withContiguousStorageIfAvailable({ write(utf8: $0) }) == nil {
            Array(text.utf8).withUnsafeBufferPointer { write(utf8: $0) }
        }
    }

    /// Appends the text with these UTF-8 bytes in quotes.
    public mutating func write(utf8: UnsafeBufferPointer<UInt8>) {
        reserve(utf8.count &+ 2)
        start[length] = UInt8(ascii: "\"")
        length &+= 1
        let text = UnsafeRawBufferPointer(utf8)
        var position = copyPlain(text, from: 0)
        while position < text.count {
            escape(text[position])
            position &+= 1
            reserve(text.count &- position &+ 1)
            position = copyPlain(text, from: position)
        }
        start[length] = UInt8(ascii: "\"")
        length &+= 1
    }

    /// Appends the bytes up to the next one that has to be escaped, eight together; says where that or the end is.
    ///
    /// Copied while they are looked at, as most texts are too short for a call of `memcpy`; there must be room for all.
    @inline(__always)
    private mutating func copyPlain(_ text: UnsafeRawBufferPointer, from first: Int) -> Int {
        let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let target = UnsafeMutableRawPointer(start + length)
        var position = first
        while position &+ 8 <= text.count {
            let word = text.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            // A top bit is set where a byte is below 0x20, a quote or a backslash; some others are as well, never fewer.
            let quotes = word ^ (ones &* 0x22)
            let slashes = word ^ (ones &* 0x5C)
            let found = ((word &- ones &* 0x20) | (quotes &- ones) | (slashes &- ones)) & ~word & tops
            if found != 0 { break }
            target.storeBytes(of: word, toByteOffset: position &- first, as: UInt64.self)
            position &+= 8
        }
        while position < text.count {
            let byte = text[position]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            target.storeBytes(of: byte, toByteOffset: position &- first, as: UInt8.self)
            position &+= 1
        }
        length &+= position &- first
        return position
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case 0x08: raw("\\b")
        case 0x0C: raw("\\f")
        case 0x0A: raw("\\n")
        case 0x0D: raw("\\r")
        case 0x09: raw("\\t")
        default:
            raw("\\u00")
            let digits: StaticString = "0123456789abcdef"
            append(digits.utf8Start + Int(byte >> 4), 1)
            append(digits.utf8Start + Int(byte & 15), 1)
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
