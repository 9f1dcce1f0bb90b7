// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import Testing

/// Cases named A13 and so on are those of the evaluation reference.
@Suite struct NumberTextTests {
    @Test(arguments: [
        (1.0, "1"), (0.0, "0"), (-0.0, "-0"), (42, "42"), (-42, "-42"), (0.1, "0.1"), (123.456, "123.456"),
        (9_007_199_254_740_992, "9007199254740992"), (1e15, "1000000000000000"), (1e16, "10000000000000000"),
        (1e21, "1000000000000000000000"), (-1e21, "-1000000000000000000000"), (1e-4, "0.0001"), (1e-5, "0.00001"),
        (1e-7, "0.0000001"), (-1.5e-7, "-0.00000015"), (18_014_398_509_481_984, "18014398509481984"),
        (1.25e16, "12500000000000000"), (1.2345e20, "123450000000000000000"), (0.07 * 100, "7.000000000000001"),
        // Halfway between two shortest texts: the upper one, as the Rust core prints them.
        (948_467_189_862_610.25, "948467189862610.3"), (-1_158_288_728_930_010.25, "-1158288728930010.3"),
        (948_467_189_862_610.75, "948467189862610.8"), (.infinity, "inf"), (-.infinity, "-inf"), (.nan, "NaN"),
    ]) func `is the shortest decimal without an exponent`(value: Double, expected: String) {
        #expect(NumberText.decimal(value) == expected)
    }

    @Test func `reaches from the smallest to the largest number`() {
        #expect(NumberText.decimal(.leastNonzeroMagnitude) == "0." + String(repeating: "0", count: 323) + "5")
        let largest = NumberText.decimal(.greatestFiniteMagnitude)
        #expect(largest == "17976931348623157" + String(repeating: "0", count: 292))
    }

    @Test func `text reads back as the same number`() {
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Double(bitPattern: state)
            guard value.isFinite else { continue }
            let text = NumberText.decimal(value)
            #expect(!text.utf8.contains(UInt8(ascii: "e")))
            #expect(NumberText.double(text)?.bitPattern == value.bitPattern, "\(text)")
        }
    }

    @Test(arguments: [
        ("0", 0), ("1", 1), ("+1", 1), ("-1", -1), ("1.", 1), (".5", 0.5), ("-.5", -0.5), ("1.5", 1.5), ("1e3", 1000),
        ("1E+3", 1000), ("1.e-1", 0.1), (".5e1", 5), ("0.1", 0.1), ("123456789012345.678", 123_456_789_012_345.678),
        ("0.000000000000001", 1e-15), ("9007199254740993", 9_007_199_254_740_992), ("1e400", .infinity),
        ("-1e400", -.infinity), ("1e-400", 0), ("1e99999999999999999999", .infinity), ("inf", .infinity),
        ("-INF", -.infinity), ("+Infinity", .infinity), ("00012", 12),
    ]) func `reads numbers`(text: String, expected: Double) { #expect(NumberText.double(text) == expected) }

    @Test func `keeps the sign of zero and reads nan`() {
        #expect(NumberText.double("-0")?.sign == .minus)
        #expect(NumberText.double("nan")?.isNaN == true)
        #expect(NumberText.double("-NaN")?.isNaN == true)
    }

    @Test(arguments: [
        "", " ", "+", "-", ".", "+.", "e", "e5", ".e5", "1e", "1e+", "1e-", "1e5x", " 1", "1 ", "1_000", "0x10",
        "0x1p3",
        "nan(1)", "nano", "infin", "in", "1,5", "1.2.3", "--1", "1f", "٣", "1\0", "é",
    ]) func `refuses what is no number`(text: String) { #expect(NumberText.double(text) == nil) }

    @Test func `reads integers of 64 bits`() {
        #expect(NumberText.integer("0") == 0)
        #expect(NumberText.integer("-0") == 0)
        #expect(NumberText.integer("+0012") == 12)
        #expect(NumberText.integer("9223372036854775807") == .max)
        #expect(NumberText.integer("-9223372036854775808") == .min)
        let none = ["", "+", "-", "1.0", "1e3", " 1", "1 ", "9223372036854775808", "-9223372036854775809", "٣", "--1"]
        for text in none { #expect(NumberText.integer(text) == nil, "\(text)") }
    }
}

@Suite struct TimestampsTests {
    @Test(
        arguments: [
            ("2023-11-14T22:13:20Z", 1_700_000_000_000), ("2023-11-14t22:13:20z", 1_700_000_000_000),
            ("2023-11-14 22:13:20Z", 1_700_000_000_000), ("2023-11-14 22:13:20", 1_700_000_000_000),
            ("2023-11-14T22:13:20.5Z", 1_700_000_000_500), ("2023-11-14T22:13:20.123999Z", 1_700_000_000_123),
            ("2023-11-14T22:13:20.1234567890123Z", 1_700_000_000_123),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000_000), ("2023-11-14T16:43:20-05:30", 1_700_000_000_000),
            ("1969-12-31T23:59:59.999Z", -1), ("1970-01-01T00:00:00Z", 0), ("1972-02-29 00:00:00", 68_169_600_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("2016-12-31T23:59:60.5Z", 1_483_228_800_500),
            (" 2023 - 1 -  4 ", nil), ("2023- 1- 4   2: 3: 4", 1_672_797_784_000),
            ("+2023-1-4 2:3:4", 1_672_797_784_000),
            ("-0001-01-01 00:00:00", -62_198_755_200_000), ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("+12023-01-01 00:00:00", 317_242_051_200_000), ("99-01-01 00:00:00", -59_042_995_200_000),
            ("2023-11-1422:13:20", 1_700_000_000_000), ("2023-11-14T16:43:20\u{2212}05:30", 1_700_000_000_000),
            ("1700000000", 1_700_000_000), ("-5", -5), ("+7", 7),
        ] as [(String, Int64?)]
    ) func `reads both forms of dates, and integers`(text: String, expected: Int64?) {
        #expect(Timestamps.milliseconds(fromTargetText: text) == expected)
    }

    @Test(arguments: [
        "", "x", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13Z", "2023-11-14 22:13", "2023-13-01 00:00:00",
        "2023-00-01 00:00:00", "2023-02-29 00:00:00", "1900-02-29 00:00:00", "2023-11-14T24:00:00Z",
        "2023-11-14T22:60:00Z", "2023-11-14T22:13:61Z", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+0100",
        "2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20+01:60", "2023-11-14T22:13:20Z ", "2023-11-14 22:13:20 ",
        "2023-11-14T1:13:20Z", "12023-01-01 00:00:00", "+999999999999999999999-01-01 00:00:00", "1700000000.0", "1e12",
        "9223372036854775808",
    ]) func `refuses everything else`(text: String) {
        #expect(Timestamps.milliseconds(fromTargetText: text) == nil)
        #expect(Timestamps.milliseconds(fromUserText: text) == nil)
    }

    @Test func `a user's date has 8 to 20 bytes`() {
        // A46 to A49, A52.
        #expect(Timestamps.milliseconds(fromUserText: "2023-11-14T22:13:20Z") == 1_700_000_000_000)
        #expect(Timestamps.milliseconds(fromUserText: "2023-11-14T22:13:20.000Z") == nil)
        #expect(Timestamps.milliseconds(fromTargetText: "2023-11-14T22:13:19.000Z") == 1_699_999_999_000)
        #expect(Timestamps.milliseconds(fromUserText: "1700000000") == 1_700_000_000)
        #expect(Timestamps.milliseconds(fromUserText: "0000000000000000000000005") == 5)
        #expect(Timestamps.milliseconds(fromUserText: "1700000000.0") == nil)
        #expect(Timestamps.milliseconds(fromUserText: "2023-11-14") == nil)
    }
}

@Suite struct VersionTests {
    private func compare(_ left: String, _ right: String) -> Int? { Version.compare(left, Version.Compiled(right)) }

    @Test(
        arguments: [
            // A36 to A42.
            ("2.x", "1.0", 1), ("1.x", "1.0", nil), ("1.2.3-beta", "1.2.3-rc.9", 0), ("1.2.0.0", "1.2", 0),
            ("-1.2", "1.0", nil), ("1. +2", "1.2", 0), ("1", "1", 0),
            ("1.2", "1.10", -1), ("1.10", "1.9", 1), ("1", "1.0.0.1", -1), ("1", "1.0.0.x", nil),
            ("1.0.x", "1.0.x", nil),
            ("", "", nil), ("", "0", nil), ("1.", "1", nil), ("1.", "0", 1), ("1..2", "1.0.2", nil), ("0", "x", nil),
            ("\u{3000}1\u{A0}.2", "1.2", 0), ("1 2", "1", nil), ("01", "1", 0), ("++1", "1", nil), ("+", "0", nil),
            ("170141183460469231731687303715884105727", "170141183460469231731687303715884105726", 1),
            ("170141183460469231731687303715884105728", "1", nil),
            ("1", "170141183460469231731687303715884105728", nil),
            ("00000000000000000000000000000000000000000000000001", "1", 0), ("٣", "3", nil), ("1\0", "1", nil),
            ("99999999999999999999", "99999999999999999998", 1),
        ] as [(String, String, Int?)]
    ) func `the first difference decides`(left: String, right: String, expected: Int?) {
        #expect(compare(left, right) == expected)
        #expect(compare(right, left) == expected.map { -$0 })
    }
}

@Suite struct LowerCaseTests {
    @Test(arguments: [
        ("", ""), ("abc", "abc"), ("ABC1_é", "abc1_é"), ("ÄÖÜ", "äöü"), ("ß", "ß"), ("ẞ", "ß"), ("İ", "i\u{307}"),
        ("ΑΣ", "ας"), ("ΑΣ.", "ας."), ("ΑΣΑ", "ασα"), ("Σ", "σ"), ("ΣΣ", "σς"), ("Α.Σ", "α.ς"), ("Α Σ", "α σ"),
        ("ΑΣ Β", "ας β"), ("ΑΣ\u{301}Β", "ασ\u{301}β"), ("\u{212A}", "k"), ("Ǆ", "ǆ"), ("𐐀", "𐐨"), ("日本", "日本"),
        ("e\u{301}É", "e\u{301}é"),
    ]) func `lower-cases as Unicode says, with final sigma`(text: String, expected: String) {
        #expect(Array(text.rustLowercased().unicodeScalars) == Array(expected.unicodeScalars))
    }
}
