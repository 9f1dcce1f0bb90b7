// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// Reads one JSON text (RFC 8259), strictly: UTF-8 only, no comments, no trailing commas, no lone surrogates.
    /// - Throws: `JSONError` at the first byte that is not allowed.
    public init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        self = try Self.parsed(
            bytes.withUnsafeBufferPointer { buffer in
                Result { () throws(JSONError) in try JSONValue(parsing: buffer, limits: limits) }
            }
        )
    }

    /// Reads one JSON text strictly.
    /// - Throws: `JSONError` at the first byte that is not allowed.
    public init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        var text = text
        self = try Self.parsed(
            text.withUTF8 { buffer in
                Result { () throws(JSONError) in try JSONValue(parsing: buffer, limits: limits) }
            }
        )
    }

    /// Reads one JSON text from memory that outlives the call, strictly.
    /// - Throws: `JSONError` at the first byte that is not allowed.
    public init(
        parsing buffer: UnsafeBufferPointer<UInt8>,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) {
        guard buffer.count <= limits.sizeBytes else {
            throw JSONError(
                code: .tooLarge,
                offset: limits.sizeBytes,
                message: "The text has \(buffer.count) bytes; at most \(limits.sizeBytes) are read"
            )
        }
        var parser = JSONParser(buffer: buffer, limits: limits)
        self = try parser.document()
    }

    private static func parsed(_ result: Result<JSONValue, JSONError>) throws(JSONError) -> JSONValue {
        try result.get()
    }
}

/// A recursive-descent reader over bytes; its depth is bounded, so its stack is.
struct JSONParser {
    let buffer: UnsafeBufferPointer<UInt8>
    let limits: JSONLimits
    var position = 0
    private var scratch: [UInt8] = []

    init(buffer: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.buffer = buffer
        self.limits = limits
    }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 0)
        if !limits.ignoresTrailingText {
            skipBlanks()
            if position < buffer.count { throw failure(.malformed, "Text follows the JSON value") }
        }
        return value
    }

    func failure(_ code: JSONError.Code, _ message: String) -> JSONError {
        JSONError(code: code, offset: position, message: message)
    }

    func unexpected(_ wanted: String) -> JSONError {
        guard position < buffer.count else {
            return failure(.truncated, "The text ends where \(wanted) should stand")
        }
        let byte = buffer[position]
        let found = byte > 0x20 && byte < 0x7F ? "\"\(Unicode.Scalar(byte))\"" : "byte \(byte)"
        return failure(.malformed, "\(found) stands where \(wanted) should")
    }

    mutating func skipBlanks() {
        while position < buffer.count {
            switch buffer[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipBlanks()
        guard position < buffer.count else { throw unexpected("a value") }
        switch buffer[position] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw unexpected("a value")
        }
    }

    private mutating func literal(_ word: StaticString) throws(JSONError) {
        for offset in 0..<word.utf8CodeUnitCount {
            guard position < buffer.count, buffer[position] == word.utf8Start[offset] else {
                throw unexpected("\"\(word)\"")
            }
            position += 1
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        try enter(depth)
        var items: [JSONValue] = []
        if closes(UInt8(ascii: "]")) { return items }
        while true {
            items.append(try value(depth: depth))
            skipBlanks()
            if closes(UInt8(ascii: "]")) { return items }
            try expect(UInt8(ascii: ","), "\",\" or \"]\"")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        try enter(depth)
        var object = JSONObject()
        if closes(UInt8(ascii: "}")) { return object }
        while true {
            skipBlanks()
            guard position < buffer.count, buffer[position] == UInt8(ascii: "\"") else {
                throw unexpected("a member's name")
            }
            let start = position
            let name = try string()
            skipBlanks()
            try expect(UInt8(ascii: ":"), "\":\"")
            let value = try value(depth: depth)
            if let earlier = object.position(of: name) {
                guard !limits.refusesDuplicateMembers else {
                    throw JSONError(
                        code: .duplicateMember,
                        offset: start,
                        message: "The member \"\(name)\" stands twice"
                    )
                }
                object.replace(at: earlier, with: value)
            } else {
                object.append(JSONObject.Member(name: name, value: value))
            }
            skipBlanks()
            if closes(UInt8(ascii: "}")) { return object }
            try expect(UInt8(ascii: ","), "\",\" or \"}\"")
        }
    }

    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth <= limits.depth else {
            throw failure(.tooDeep, "Arrays and objects are nested deeper than \(limits.depth)")
        }
        position += 1
        skipBlanks()
    }

    private mutating func closes(_ byte: UInt8) -> Bool {
        guard position < buffer.count, buffer[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ wanted: String) throws(JSONError) {
        guard position < buffer.count, buffer[position] == byte else { throw unexpected(wanted) }
        position += 1
    }

    // MARK: Texts

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while position < buffer.count {
            let byte = buffer[position]
            if byte == UInt8(ascii: "\"") {
                let text = try decode(UnsafeBufferPointer(rebasing: buffer[start..<position]), at: start)
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw failure(.malformed, "A control character stands unescaped in a text") }
            position += 1
        }
        throw failure(.truncated, "The text ends inside a string")
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: buffer[start..<position])
        while position < buffer.count {
            let byte = buffer[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                let result = scratch.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
                guard let result else { throw invalidText(at: start) }
                return result
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20:
                position -= 1
                throw failure(.malformed, "A control character stands unescaped in a text")
            default: scratch.append(byte)
            }
        }
        throw failure(.truncated, "The text ends inside a string")
    }

    private mutating func escape() throws(JSONError) {
        guard position < buffer.count else { throw failure(.truncated, "The text ends inside a string") }
        let byte = buffer[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scratch.append(byte)
        case UInt8(ascii: "b"): scratch.append(0x08)
        case UInt8(ascii: "f"): scratch.append(0x0C)
        case UInt8(ascii: "n"): scratch.append(0x0A)
        case UInt8(ascii: "r"): scratch.append(0x0D)
        case UInt8(ascii: "t"): scratch.append(0x09)
        case UInt8(ascii: "u"): try unicodeEscape()
        default:
            position -= 1
            throw failure(.malformed, "An unknown escape stands in a text")
        }
    }

    private mutating func unicodeEscape() throws(JSONError) {
        let start = position
        var code = try hexadecimal()
        if (0xD800..<0xDC00).contains(code), position + 1 < buffer.count, buffer[position] == UInt8(ascii: "\\"),
            buffer[position + 1] == UInt8(ascii: "u")
        {
            position += 2
            let low = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw invalidText(at: start) }
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw invalidText(at: start) }
        scratch.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < buffer.count else { throw failure(.truncated, "The text ends inside a string") }
            let digit: UInt8
            switch buffer[position] {
            case let byte where byte &- 0x30 < 10: digit = byte &- 0x30
            case let byte where (byte | 0x20) &- 0x61 < 6: digit = (byte | 0x20) &- 0x61 &+ 10
            default: throw failure(.malformed, "Four hexadecimal digits should follow \\u")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    private func decode(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw invalidText(at: start) }
        return text
    }

    private func invalidText(at offset: Int) -> JSONError {
        JSONError(code: .invalidText, offset: offset, message: "A text is not valid UTF-8")
    }
}
