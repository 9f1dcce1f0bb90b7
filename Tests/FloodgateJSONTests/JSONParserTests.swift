// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateTestSupport
import Testing

@Suite("JSON parser") struct JSONParserTests {
    @Test(
        arguments: [
            ("null", JSONValue.null), (" true ", true), ("[]", []), ("{}", [:]), ("\"\"", ""), ("-0", .double(-0.0)),
            ("0", 0), ("9223372036854775807", .integer(Int64.max)), ("-9223372036854775808", .integer(Int64.min)),
            ("18446744073709551615", .number(.unsigned(.max))),
            ("18446744073709551616", .double(18_446_744_073_709_551_616)),
            ("1e3", .double(1000)), ("1.0", .double(1)), ("2.2250738585072014e-308", .double(2.2250738585072014e-308)),
            ("\"\\u00e9\\ud83d\\udc4d\\n\\/\"", "é👍\n/"), ("[1,[2,{\"a\":[]}]]", [1, [2, ["a": []]]]),
        ] as [(String, JSONValue)]
    )
    func `reads what RFC 8259 allows`(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(arguments: [
        ("", JSONError.Code.truncated, 0), ("nul", .truncated, 3), ("[1,]", .malformed, 3),
        ("{\"a\":1,}", .malformed, 7),
        ("01", .malformed, 1), ("1.", .truncated, 2), (".5", .malformed, 0), ("+1", .malformed, 0),
        ("NaN", .malformed, 0),
        ("1e400", .numberOutOfRange, 0), ("\"\\ud83d\"", .invalidText, 3), ("\"\\udc4d\\ud83d\"", .invalidText, 3),
        ("\"\u{1}\"", .malformed, 1), ("\"abc", .truncated, 4), ("{\"a\" 1}", .malformed, 5), ("[1 2]", .malformed, 3),
        ("1 2", .malformed, 2), ("'a'", .malformed, 0), ("{a:1}", .malformed, 1), ("\"\\x\"", .malformed, 2),
        ("// no\n1", .malformed, 0), ("\u{FEFF}1", .malformed, 0), ("\"\\u12G4\"", .malformed, 5),
    ])
    func `refuses the rest and says where`(text: String, code: JSONError.Code, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.code == code)
        #expect(error?.offset == offset, "\(error.map(\.description) ?? "")")
    }

    @Test(arguments: [
        [0xC3], [0xC3, 0x28], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC0, 0xAF], [0xFF],
    ])
    func `refuses texts that are not UTF-8`(bytes: [UInt8]) {
        let quoted = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        #expect(throws: JSONError.self) { try JSONValue(parsing: quoted) }
    }

    @Test func `refuses what is nested deeper than allowed, however deep`() {
        let limits = JSONLimits(depth: 5)
        #expect(throws: Never.self) { try JSONValue(parsing: "[[[[[1]]]]]", limits: limits) }
        for text in [
            "[[[[[[1]]]]]]", String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
        ] {
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text, limits: limits) }
            #expect(error?.code == .tooDeep)
        }
    }

    @Test func `refuses what is longer than allowed`() {
        let error = #expect(throws: JSONError.self) {
            try JSONValue(parsing: "[1, 2]", limits: JSONLimits(sizeBytes: 5))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `takes the last of equal names, at the first one's place`() throws {
        let value = try JSONValue(parsing: "{\"a\":1,\"b\":2,\"a\":3}")
        #expect(value.text == "{\"a\":3,\"b\":2}")
        let error = #expect(throws: JSONError.self) {
            try JSONValue(parsing: "{\"a\":1,\"a\":3}", limits: JSONLimits(refusesDuplicateMembers: true))
        }
        #expect(error?.code == .duplicateMember)
    }

    @Test(arguments: [
        (#""\ud83d""#, "\u{FFFD}"), (#""\ude00""#, "\u{FFFD}"), (#""a\ud83db""#, "a\u{FFFD}b"),
        (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
        (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\n""#, "\u{FFFD}\n"),
        (#""\uDBFF\uDBFF\uDBFF""#, "\u{FFFD}\u{FFFD}\u{FFFD}"),
        (#""\ud83d\\ude00""#, "\u{FFFD}\\ude00"), (#""\ud83d😀""#, "\u{FFFD}😀"),
    ])
    func `replaces halves of surrogate pairs where it is told to, and refuses them elsewhere`(
        text: String,
        expected: String
    ) throws {
        let limits = JSONLimits(replacesLoneSurrogates: true)
        #expect(try JSONValue(parsing: text, limits: limits) == .string(expected))
        #expect(try JSONValue(parsing: "{\(text):1}", limits: limits)[expected] == 1)
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test(arguments: [#""\ud83d\u00""#, #""\ud83d\u00zz""#, #""\ud83"#, #""\ud83d\x""#, #""\ud83d\"#, #""\ud83d"#])
    func `takes no broken escape for half a pair`(text: String) {
        #expect(throws: JSONError.self) {
            try JSONValue(parsing: text, limits: JSONLimits(replacesLoneSurrogates: true))
        }
    }

    @Test func `keeps canonically equivalent names apart`() throws {
        let value = try JSONValue(parsing: "{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(value.objectValue?.count == 2)
        #expect(value["e\u{301}"] == 2)
        #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
    }

    @Test func `finds members of a large object`() throws {
        let text = "{" + (0..<5000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        var object = try #require(try JSONValue(parsing: text).objectValue)
        #expect(object["k4999"] == 4999)
        #expect(object.remove("k10") == 10)
        #expect(object["k10"] == nil)
        #expect(object["k11"] == 11)
        #expect(object.count == 4999)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `never traps, whatever the bytes`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let sample = Array("{\"a\":[1,2.5e-3,true,null,\"x\\u00e9\\n\"],\"b\":{\"c\":-17,\"d\":\"é\"}}".utf8)
        for _ in 0..<100 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(Array("[{\"\\,:]}-0e.".utf8).randomElement(using: &random) ?? 0, at: index)
                default: bytes.removeLast(bytes.count - index)
                }
            }
            if let value = try? JSONValue(parsing: bytes) {
                #expect((try? JSONValue(parsing: value.bytes)) == value)
            }
        }
    }
}

@Suite("JSON writer") struct JSONWriterTests {
    @Test(arguments: [
        (1.0, "1.0"), (-0.0, "-0.0"), (1e21, "1e21"), (1.5e300, "1.5e300"), (1e-7, "1e-7"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e16"), (123_456.789, "123456.789"), (0.00001, "0.00001"), (0.000001, "1e-6"),
        (Double.leastNonzeroMagnitude, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"), (0.1, "0.1"), (-2.5e-9, "-2.5e-9"),
    ])
    func `writes floats as the Rust core does`(value: Double, text: String) {
        #expect(JSONNumber.text(of: value) == text)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `what is written reads back the same`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let value = Double(bitPattern: UInt64.random(in: 0...UInt64.max, using: &random))
            guard value.isFinite else { continue }
            #expect(try JSONValue(parsing: JSONNumber.text(of: value)) == .double(value))
        }
    }

    @Test func `escapes as little as possible`() {
        let text = JSONValue.string("a\"b\\c/d\u{8}\u{C}\n\r\t\u{1}é👍\u{7F}").text
        #expect(text == "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001é👍\u{7F}\"")
    }
}
