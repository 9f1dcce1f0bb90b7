// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON
import FloodgateTestSupport
import Testing

@Suite("JSON tape") struct JSONTapeTests {
    @Test(arguments: 0..<100 as Range<UInt64>)
    func `reads back whatever was spelled, however it was spelled`(seed: UInt64) throws {
        var spelling = Spelling(random: SeededGenerator(seed: seed))
        for _ in 0..<20 {
            let value = spelling.value(depth: 4)
            var text = spelling.blanks()
            spelling.write(value, to: &text)
            text += spelling.blanks()
            let read = try JSONValue(parsing: text)
            #expect(read == value, "\(text)")
            #expect(read.bytes == value.bytes, "members are in the order of the text: \(text)")
        }
    }

    /// Texts are read eight bytes at a time: each length and each place within the eight must behave alike.
    @Test func `ends a text at the same byte wherever it stands`() throws {
        for blanks in 0..<9 {
            for length in 0..<35 {
                let start = String(repeating: " ", count: blanks)
                let text = String(repeating: "a", count: length)
                #expect(try JSONValue(parsing: "\(start)\"\(text)\"") == .string(text))
                #expect(
                    try JSONValue(parsing: "\(start)[\"\(text)\",12]") == [.string(text), 12]
                )
                try expect(.truncated, at: blanks + 1 + length, in: "\(start)\"\(text)")
                for place in 0..<length {
                    let (before, after) = (text.prefix(place), text.dropFirst(place + 1))
                    let offset = blanks + 1 + place
                    try expect(.malformed, at: offset, in: "\(start)\"\(before)\u{1F}\(after)\"")
                    try expect(.malformed, at: offset + 1, in: "\(start)\"\(before)\\x\(after)\"")
                    #expect(try JSONValue(parsing: "\(start)\"\(before)é\(after)\"") == .string("\(before)é\(after)"))
                    #expect(
                        try JSONValue(parsing: "\(start)\"\(before)\\u0022\(after)\"") == .string("\(before)\"\(after)")
                    )
                    var broken = Array("\(start)\"\(text)\"".utf8)
                    broken[offset] = 0xC3
                    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: broken) }
                    #expect(error?.code == .invalidText)
                    #expect(error?.offset == blanks + 1)
                }
            }
        }
    }

    private func expect(_ code: JSONError.Code, at offset: Int, in text: String) throws {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.code == code, "\(text)")
        #expect(error?.offset == offset, "\(text)")
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `takes for UTF-8 just what the standard library does`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let leads: [UInt8] = [0x41, 0x7F, 0x80, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF]
        let others: [UInt8] = [0x20, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0]
        for _ in 0..<2000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes.append(leads.randomElement(using: &random) ?? 0x41)
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    bytes.append(others.randomElement(using: &random) ?? 0x20)
                }
            }
            let quoted = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
            #expect((try? JSONValue(parsing: quoted)) == String(validating: bytes, as: UTF8.self).map(JSONValue.string))
        }
    }

    @Test(arguments: [
        ("{\"a\":1,\"\\u0061\":2}", 7), ("[{\"a\":{\"a\":1}},{\"a\":1,\"b\":{\"a\":2,\"b\":3},\"a\":4}]", 40),
        ("{\"a\":1,\"a\":\"long enough for eight bytes\"}", 7),
    ])
    func `refuses a name that stands twice, where it stands, however it is spelled`(text: String, offset: Int) {
        let limits = JSONLimits(refusesDuplicateMembers: true)
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text, limits: limits) }
        #expect(error?.code == .duplicateMember)
        #expect(error?.offset == offset)
    }

    @Test func `finds a mistake in a value before it minds the value's name`() {
        let limits = JSONLimits(refusesDuplicateMembers: true)
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "{\"a\":1,\"a\":[}", limits: limits) }
        #expect(error?.code == .malformed)
    }

    @Test func `shows members in place: all of them, each once, or the last of a name`() throws {
        let text = "{\"a\":1,\"b\":[2,{\"c\":3}],\"\\u0061\":\"x\\n\",\"d\":{}}"
        try JSONTape.reading(Array(text.utf8), orThrow: { $0 as any Error }) { tape in
            let root = tape.root
            #expect(root.members.map { $0.name.text } == ["a", "b", "a", "d"])
            #expect(root.uniqueMembers.map { $0.name.text } == ["a", "b", "d"])
            #expect(root.uniqueMembers.first?.value.text == "x\n")
            #expect(root["a"]?.text == "x\n")
            #expect(root["b"]?.items.map { $0.value } == [2, ["c": 3]])
            #expect(root["missing"] == nil)
            let extent = try #require(root["b"]?.extent)
            #expect(tape.source[extent.start..<extent.start + extent.length].elementsEqual("[2,{\"c\":3}]".utf8))
        }
    }

    @Test func `holds more values than the text's length suggests`() throws {
        let count = 100_000
        let value = try JSONValue(parsing: "[" + String(repeating: "1,", count: count - 1) + "1]")
        #expect(value.arrayValue?.count == count)
    }
}

/// Makes values and spells them in one of the many ways that JSON allows.
private struct Spelling {
    var random: SeededGenerator

    mutating func chance(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

    mutating func blanks() -> String {
        (0..<(chance(3) ? 3 : 0)).map { _ in ["", " ", "\n", "\t", "\r"].randomElement(using: &random) ?? "" }.joined()
    }

    mutating func text() -> String {
        let parts = ["a", "userID", "é", "👍", "\"", "\\", "\n", "\u{1}", "/", "eight or more bytes", "\u{FFFF}", "~"]
        return (0..<Int.random(in: 0...5, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
            .joined()
    }

    mutating func value(depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 7), using: &random) {
        case 0: return .null
        case 1: return .bool(chance(2))
        case 2:
            return .integer(
                Int64.random(in: Int64.min...Int64.max, using: &random) >> Int64.random(in: 0..<64, using: &random)
            )
        case 3: return .number(.unsigned(UInt64.random(in: 1 << 63...UInt64.max, using: &random)))
        case 4:
            let double = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &random))
            return .double(double.isFinite ? double : 0.5)
        case 5, 6: return .string(text())
        case 7: return .array((0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth: depth - 1) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...(chance(5) ? 40 : 4), using: &random) {
                object[text()] = value(depth: depth - 1)
            }
            return .object(object)
        }
    }

    mutating func write(_ value: JSONValue, to text: inout String) {
        switch value {
        case .string(let content): write(content, to: &text)
        case .array(let items):
            text += "[" + blanks()
            for (index, item) in items.enumerated() {
                if index > 0 { text += "," + blanks() }
                write(item, to: &text)
                text += blanks()
            }
            text += "]"
        case .object(let object):
            text += "{" + blanks()
            for (index, member) in object.enumerated() {
                if index > 0 { text += "," + blanks() }
                write(member.name, to: &text)
                text += blanks() + ":" + blanks()
                write(member.value, to: &text)
                text += blanks()
            }
            // The last value of a name counts, at the place of the first.
            if let first = object.first, let last = object.indices.last, last == 0, chance(3) {
                text += ","
                write(first.name, to: &text)
                text += ":"
                write(first.value, to: &text)
            }
            text += "}"
        default: text += value.text
        }
    }

    private mutating func write(_ content: String, to text: inout String) {
        text += "\""
        for scalar in content.unicodeScalars {
            if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || chance(8) {
                for unit in UTF16.encode(scalar).map(Array.init) ?? [] {
                    let digits = String(unit, radix: 16, uppercase: chance(2))
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
