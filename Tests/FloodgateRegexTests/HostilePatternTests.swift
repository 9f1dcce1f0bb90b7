// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateRegex
import FloodgateTestSupport
import Testing

@Suite("Hostile patterns") struct HostilePatternTests {
    static let linear = [
        "(a+)+$", "(a|aa)+$", "(.*)*x", "(a*)*b", "((a?){1,20}){1,20}b", "(?=(a+)+b)x", "^(?>(a+)+)b", "^(a++)+b",
        "(?<=(a|aa)+b)x", "(?<!(a*)*b)x", "(?:(?>a|aa)+)+x", "(?:(?=a)a)+x", "^(?:.*,){11}P", "(\\w+\\s?)*$x",
        "(?(a+)b|c)+x",
    ]

    @Test(arguments: linear)
    func `take steps in proportion to the text`(source: String) throws {
        let pattern = try Pattern(source)
        let short = pattern.steps(matching: String(repeating: "a", count: 500))
        let long = pattern.steps(matching: String(repeating: "a", count: 4_000))
        #expect(long.steps <= 9 * max(short.steps, 500), "\(short.steps) steps, then \(long.steps)")
        #expect(long.steps <= 4_001 * 20_000)
    }

    @Test(arguments: ["(a*)*\\1b", "^(a+)+\\1b", "(a|aa)+(b)?\\2$", "(.*)(.*)(.*)(.*)\\1x"])
    func `with references stop within their budget`(source: String) throws {
        var limits = PatternLimits()
        limits.baseSteps = 10_000
        limits.stepsPerScalar = 10
        let result = try Pattern(source, limits: limits).steps(matching: String(repeating: "a", count: 2_000))
        #expect(!result.isFound)
        #expect(result.steps <= 10_000 + 10 * 2_000 + 2_001)
    }

    @Test(arguments: [
        String(repeating: "(", count: 60_000), String(repeating: "(?:", count: 20_000),
        String(repeating: "[", count: 60_000), String(repeating: "(?=", count: 20_000),
        String(repeating: "(a", count: 100_000), "(?:a{1000}){1000}", "((((a{99}){99}){99}){99}){99}",
        "\\w{1,255}", "(?:(?:(?:(?:x?){999}){999}){999}){999}", "a{4294967295}",
        String(repeating: "(?:", count: 64) + String(repeating: ")", count: 64),
        (0..<5_000).map { "\\x{\(String(0x4E00 + $0, radix: 16))}" }.joined(),
    ])
    func `are refused before they grow`(source: String) {
        #expect(throws: PatternError.self) { try Pattern(source) }
    }

    @Test func `cannot make a block of nothing endless`() throws {
        #expect(throws: PatternError.self) { try Pattern("(?=)(?:(?:a{0}|){9999}|){9999999}") }
        #expect(try Pattern("(?:x{0}y{0}){999999999}z").matches("z"))
    }

    @Test(arguments: ["(?<=", "(?<!", "(?=", "(", "(?:a|", "(?>", "(?<=a|b|", "((?=a)", "(?(a)", "(?:(?=a)b?"])
    func `cost no more for being nested`(opening: String) throws {
        for depth in [1, 30, 62] {
            let source = String(repeating: opening, count: depth) + "a" + String(repeating: ")", count: depth)
            if let pattern = try? Pattern(source) { #expect(pattern.steps(matching: "aab").steps < 100_000) }
            if let pattern = try? Pattern("(x)?" + source + "\\1") {
                #expect(pattern.steps(matching: "aab").steps < 300_000)
            }
        }
    }

    @Test func `cannot repeat much that matches nothing`() {
        let nothing = String(repeating: "\\K", count: 30_000)
        #expect(throws: PatternError.self) { try Pattern("(?:\(nothing)a){20000}") }
        #expect(throws: PatternError.self) { try Pattern("(x)\\1(?:(?:\(nothing)a)?){10000}") }
    }

    @Test func `may nest as deep as in the core`() throws {
        let groups = String(repeating: "(", count: 63) + "a+" + String(repeating: ")", count: 63)
        #expect(try Pattern(groups).matches("a"))
        let classes = String(repeating: "[", count: 249) + "a" + String(repeating: "]", count: 249)
        #expect(try Pattern(classes).matches("a"))
        #expect(throws: PatternError.self) { try Pattern("[" + classes + "]") }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `of random scalars never trap`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let pieces = Array("()[]{}?*+|\\^$.-&~:=!<>'#,abkPpdwsx019imU \n\u{E9}\u{1F600}KGZzARQEXN\0").map(String.init)
        for _ in 0..<200 {
            let source = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }.joined()
            guard let pattern = try? Pattern(source) else { continue }
            _ = pattern.matches("")
            _ = pattern.matches("abk\u{E9}01 \n\u{1F600}")
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `and random bytes never trap`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let patterns = try ["\\w+\\b.", "(?=.)(?<=.)", "(.)\\1", "^(?>.*)$", "[^a]{2}"].map { try Pattern($0) }
        for _ in 0..<200 {
            let bytes = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            if let pattern = try? Pattern(String(decoding: bytes, as: UTF8.self)) { _ = pattern.matches("abc") }
            for pattern in patterns { _ = bytes.withUnsafeBufferPointer { pattern.matches($0) } }
        }
    }
}
