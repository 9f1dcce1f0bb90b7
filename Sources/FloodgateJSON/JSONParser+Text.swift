// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

private let ones: UInt64 = 0x0101_0101_0101_0101
private let highs: UInt64 = 0x8080_8080_8080_8080

extension JSONParser {
    /// Reads a text in quotes, eight bytes at a time.
    @inline(__always)
    mutating func text() throws(JSONError) {
        let start = position &+ 1
        var place = start
        var all: UInt64 = 0  // every bit that is set in some byte
        while place &+ 8 <= count {
            let word = UInt64(
                littleEndian: UnsafeRawPointer(source + place).loadUnaligned(as: UInt64.self)
            )
            // The lowest bit that is set marks the first quote, backslash or control character; those above may lie.
            let quotes = word ^ (ones &* 0x22)
            let slashes = word ^ (ones &* 0x5C)
            let marks =
                ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes | (word &- ones &* 0x20) & ~word) & highs
            if marks == 0 {
                all |= word
                place &+= 8
                continue
            }
            all |= word & ((marks & (0 &- marks)) &- 1)
            place &+= marks.trailingZeroBitCount &>> 3
            if source[place] == UInt8(ascii: "\""), all & highs == 0 {
                position = place &+ 1
                pushText(source + start, place &- start)
                return
            }
            break
        }
        try slowText(from: start, at: place, isASCII: all & highs == 0)
    }

    @inline(__always)
    private mutating func pushText(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        push(JSONTape.Record(.string, extent: length, payload: UInt64(UInt(bitPattern: bytes))))
    }

    /// Ends a text that has something else than ASCII in it, or stands at the end of the source; read up to `place`.
    @inline(never)
    private mutating func slowText(from start: Int, at place: Int, isASCII: Bool) throws(JSONError) {
        var isASCII = isASCII
        position = place
        while position < count {
            let byte = source[position]
            if byte == UInt8(ascii: "\"") {
                guard isASCII || UTF8Check.passes(source + start, position &- start) else {
                    throw invalidText(at: start)
                }
                pushText(source + start, position &- start)
                position &+= 1
                return
            }
            if byte == UInt8(ascii: "\\") { return try escapedText(from: start) }
            guard byte >= 0x20 else { throw failure(.malformed, "A control character stands unescaped in a text") }
            if byte >= 0x80 { isASCII = false }
            position &+= 1
        }
        throw failure(.truncated, "The text ends inside a string")
    }

    private mutating func escapedText(from start: Int) throws(JSONError) {
        // Nothing grows when it is unescaped, so that the rest of the source has room here and nothing ever moves.
        let room = unescaped ?? .allocate(capacity: count &- start)
        unescaped = room
        let first = unescapedCount
        keep(source + start, position &- start)
        while position < count {
            let byte = source[position]
            position &+= 1
            switch byte {
            case UInt8(ascii: "\""):
                // What escapes stand for is valid in itself, so that the rest must be so too.
                guard UTF8Check.passes(room + first, unescapedCount &- first) else { throw invalidText(at: start) }
                return pushText(room + first, unescapedCount &- first)
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20:
                position &-= 1
                throw failure(.malformed, "A control character stands unescaped in a text")
            default: keep(byte)
            }
        }
        throw failure(.truncated, "The text ends inside a string")
    }

    private mutating func keep(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        guard let unescaped else { return }
        (unescaped + unescapedCount).update(from: bytes, count: length)
        unescapedCount &+= length
    }

    private mutating func keep(_ byte: UInt8) {
        guard let unescaped else { return }
        unescaped[unescapedCount] = byte
        unescapedCount &+= 1
    }

    private mutating func escape() throws(JSONError) {
        guard position < count else { throw failure(.truncated, "The text ends inside a string") }
        let byte = source[position]
        position &+= 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): keep(byte)
        case UInt8(ascii: "b"): keep(0x08)
        case UInt8(ascii: "f"): keep(0x0C)
        case UInt8(ascii: "n"): keep(0x0A)
        case UInt8(ascii: "r"): keep(0x0D)
        case UInt8(ascii: "t"): keep(0x09)
        case UInt8(ascii: "u"): try unicodeEscape()
        default:
            position &-= 1
            throw failure(.malformed, "An unknown escape stands in a text")
        }
    }

    private mutating func unicodeEscape() throws(JSONError) {
        let start = position
        var code = try hexadecimal()
        if (0xD800..<0xDC00).contains(code), position &+ 1 < count, source[position] == UInt8(ascii: "\\"),
            source[position &+ 1] == UInt8(ascii: "u")
        {
            let second = position
            position &+= 2
            let low = try hexadecimal()
            if (0xDC00..<0xE000).contains(low) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            } else {
                // What follows is no half, or the first half of another pair.
                position = second
            }
        }
        guard limits.replacesLoneSurrogates || Unicode.Scalar(code) != nil else { throw invalidText(at: start) }
        let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"
        for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { keep(byte) }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < count else { throw failure(.truncated, "The text ends inside a string") }
            let digit: UInt8
            switch source[position] {
            case let byte where byte &- 0x30 < 10: digit = byte &- 0x30
            case let byte where (byte | 0x20) &- 0x61 < 6: digit = (byte | 0x20) &- 0x61 &+ 10
            default: throw failure(.malformed, "Four hexadecimal digits should follow \\u")
            }
            code = code << 4 | UInt32(digit)
            position &+= 1
        }
        return code
    }

    private func invalidText(at offset: Int) -> JSONError {
        JSONError(code: .invalidText, offset: offset, message: "A text is not valid UTF-8")
    }
}

/// Whether bytes are UTF-8 as Unicode has it: shortest forms only, no surrogates, nothing beyond U+10FFFF.
enum UTF8Check {
    static func passes(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var place = 0
        while place < count {
            if place &+ 8 <= count,
                UnsafeRawPointer(bytes + place).loadUnaligned(as: UInt64.self) & highs == 0
            {
                place &+= 8
                continue
            }
            let lead = bytes[place]
            if lead < 0x80 {
                place &+= 1
                continue
            }
            // How many bytes follow, and between which values the first of them must lie.
            let (length, range): (Int, ClosedRange<UInt8>)
            switch lead {
            case 0xC2...0xDF: (length, range) = (1, 0x80...0xBF)
            case 0xE0: (length, range) = (2, 0xA0...0xBF)
            case 0xED: (length, range) = (2, 0x80...0x9F)
            case 0xE1...0xEF: (length, range) = (2, 0x80...0xBF)
            case 0xF0: (length, range) = (3, 0x90...0xBF)
            case 0xF1...0xF3: (length, range) = (3, 0x80...0xBF)
            case 0xF4: (length, range) = (3, 0x80...0x8F)
            default: return false
            }
            guard place &+ length < count, range.contains(bytes[place &+ 1]) else { return false }
            if length > 1, bytes[place &+ 2] & 0xC0 != 0x80 { return false }
            if length > 2, bytes[place &+ 3] & 0xC0 != 0x80 { return false }
            place &+= length &+ 1
        }
        return true
    }
}
