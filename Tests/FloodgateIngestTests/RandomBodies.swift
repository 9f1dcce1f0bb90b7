// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateTestSupport

/// Bodies of events as SDKs send them and as they do not: all that is odd about JSON turns up sooner or later.
struct RandomBodies {
    private var random: SeededGenerator
    /// One in so many values is spelled in an unusual way, or is of a kind that does not belong there.
    private let rarity: Int

    init(seed: UInt64, rarity: Int = 12) {
        random = SeededGenerator(seed: seed)
        self.rarity = rarity
    }

    mutating func body() -> [UInt8] {
        var members = ["\(name("events"))\(blank()):\(blank())\(events())"]
        if chance(2) { members.append("\"statsigMetadata\":\(odd() ? any(1) : statsigMetadata())") }
        if chance(rarity) { members.append("\"user\":\(odd() ? any(1) : user())") }
        if chance(rarity) { members.append("\"\(pick(["extra", "events", "é", ""]))\":\(any(2))") }
        members.shuffle(using: &random)
        return Array("\(blank()){\(members.joined(separator: ",\(blank())"))}\(blank())".utf8)
    }

    /// The same with a few bytes changed, taken out, put in, or repeated.
    mutating func mutated(_ body: [UInt8]) -> [UInt8] {
        var body = body
        for _ in 0..<Int.random(in: 1...3, using: &random) where !body.isEmpty {
            let place = Int.random(in: 0..<body.count, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: body[place] = UInt8.random(in: 0...255, using: &random)
            case 1: body.remove(at: place)
            case 2: body.insert(Array(#"{}[],:"\0-e.u \#u{9}"#.utf8).randomElement(using: &random) ?? 0, at: place)
            case 3: body.removeSubrange(place..<min(body.count, place + Int.random(in: 1...9, using: &random)))
            case 4: body.insert(contentsOf: body[place..<min(body.count, place + 24)], at: place)
            case 5: body.insert(contentsOf: Array(pick(Self.fragments).utf8), at: place)
            default: body.removeLast(body.count - place)
            }
        }
        return body
    }

    private static let fragments = [
        #""time":null,"#, #""user":{},"#, #""eventName":"b","#, "null", "1e400", "-0", "18446744073709551616", "1.0",
        #"\ud800"#, #"\udc00"#, #"\ud83d\ude00"#, "[[[[[[", "\u{FEFF}", "secret-abc", #"\u0000"#, "9223372036854775808",
    ]

    private mutating func events() -> String {
        if odd() { return any(1) }
        let count = Int.random(in: 0...6, using: &random)
        var events = (0..<count).map { _ in odd() ? any(2) : event() }
        // The same event once more, as SDKs send equal ones.
        if chance(3), let again = events.randomElement(using: &random) { events.append(again) }
        return "[\(blank())\(events.joined(separator: ","))\(blank())]"
    }

    private mutating func event() -> String {
        var members: [String] = []
        func add(_ name: String, _ value: String) { members.append("\(name):\(value)") }
        let event = pick([
            "purchase", "statsig::gate_exposure", "statsig::config_exposure", "statsig::layer_exposure",
            "statsig::diagnostics", "é✓",
        ])
        if !odd() { add(name("eventName"), odd() ? any(1) : text(event)) }
        if !chance(8) { add(name("time"), time()) }
        if !chance(8) { add("\"user\"", odd() ? any(1) : user()) }
        if chance(2) { add("\"value\"", odd() ? any(1) : pick(["null", number(), text("9.99"), "true"])) }
        if chance(2) { add("\"metadata\"", odd() ? any(1) : metadata()) }
        if chance(3) {
            add("\"statsigMetadata\"", odd() ? any(1) : #"{"samplingRate":\#(number()),"samplingMode":"on"}"#)
        }
        if chance(3) { add("\"secondaryExposures\"", odd() ? any(2) : secondary()) }
        if chance(4) { add("\"id\"", odd() ? any(1) : text(pick(["a-1", "x:y.z_", "", "bad id", "ä"]))) }
        if odd() { add(name(pick(["extra", "time", "user", "metadata"])), any(2)) }
        members.shuffle(using: &random)
        return "{\(blank())\(members.joined(separator: ",\(blank())"))}"
    }

    private mutating func time() -> String {
        if odd() {
            return pick([
                any(1), "1e300", "-0", "1750000361000.5", "8640000000000001", "-8640000000000000",
                "18446744073709551615",
                "\"2025-06-15T12:30:45.123Z\"", "\"soon\"", "\"-5\"", "\"+5\"", "\"\"", "\"99999999999999999999\"",
                "\"1750000361000\"", "1.750000361e12", "null", "true",
            ])
        }
        return String(1_750_000_361_000 + Int.random(in: 0...3, using: &random))
    }

    private mutating func user() -> String {
        var members = ["\(name("userID")):\(odd() ? any(1) : text(pick(["u-1", "u-2", ""])))"]
        if chance(2) { members.append(#""customIDs":\#(odd() ? any(1) : pick([#"{"companyID":"c1","n":1}"#, "{}"]))"#) }
        if chance(3) { members.append("\"email\":\(any(1))") }
        if chance(rarity) { members.append("\"privateAttributes\":\(any(2))") }
        if odd() { members.append("\(name(pick(["userID", "custom"]))):\(any(2))") }
        members.shuffle(using: &random)
        return "{\(members.joined(separator: ","))}"
    }

    private mutating func metadata() -> String {
        var members = [
            "\"gate\":\(text("new_checkout"))", "\"ruleID\":\(text("r1"))",
            "\"gateValue\":\(pick(["true", "\"False\""]))",
            "\"configVersion\":\(pick([number(), "\"32\""]))", "\"config\":\(any(1))", "\"isManualExposure\":\"true\"",
            "\"url\":\(text(pick(odd() ? ["https://x/secret-abc/", "a client-side x"] : ["client-", "x fge_redacted"])))",
        ]
        members.removeAll { _ in Bool.random(using: &random) }
        if odd() { members += (0..<Int.random(in: 20...40, using: &random)).map { "\"member_number_\($0)\":\($0)" } }
        if odd() { members.append("\(name(pick(["gate", "member_number_7"]))):\(any(2))") }
        return "{\(members.joined(separator: ","))}"
    }

    private mutating func statsigMetadata() -> String {
        #"{"sdkType":"t","sessionID":\#(odd() ? any(1) : text(pick(["s1", odd() ? "client-7" : "s2"]))),"sdkVersion":\#(any(1))}"#
    }

    private mutating func secondary() -> String {
        let count = Int.random(in: 0...2, using: &random)
        let gates = (0..<count).map { "{\"gate\":\"g\($0)\",\"gateValue\":\"true\",\"ruleID\":\(any(1))}" }
        return "[\(gates.joined(separator: ","))]"
    }

    // MARK: Any JSON

    private mutating func any(_ depth: Int) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &random) {
        case 0: return "null"
        case 1: return pick(["true", "false"])
        case 2, 3: return number()
        case 4, 5:
            return text(
                pick(["", "a", "é", "😀", "a\u{0}b", odd() ? "secret-key1" : "c", "longer than eight", "\"\\/"])
            )
        case 6, 7:
            var names = ["a", "b", "c", "long_name_1", "long_name_2"].shuffled(using: &random).prefix(3)
            if odd() { names += ["c"] }
            let members = names.map { "\(name($0)):\(any(depth - 1))" }
            return "{\(members.joined(separator: ","))}"
        default:
            if odd() {
                let levels = Int.random(in: 1...70, using: &random)
                return String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
            }
            let count = Int.random(in: 0...3, using: &random)
            return "[\((0..<count).map { _ in any(depth - 1) }.joined(separator: ","))]"
        }
    }

    private mutating func number() -> String {
        if odd() {
            return pick([
                "-0", "0.0", "-0.0", "1e2", "100", "100.0", "1E+2", "0.1e3", "1e-400", "1e400", "9007199254740993",
                "9007199254740993.0", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
                "18446744073709551615", "18446744073709551616", "1e19", "-1e19", "3.141592653589793238462643", "01",
                "1.",
                ".5", "5e-324", "2.2250738585072011e-308", "123456789012345678901234567890", "0.1", "1e16", "1e-5",
            ])
        }
        return String(Int.random(in: -3...300, using: &random))
    }

    private mutating func name(_ name: String) -> String { odd() ? text(name) : "\"\(name)\"" }

    /// A text in quotes, some of it escaped without need.
    private mutating func text(_ text: String) -> String {
        if rarity > 0, chance(rarity * 8) {
            return pick([#""\ud800""#, #""\udc00x""#, #""\ud800\u0041""#, #""\x""#, "\"\u{1}\""])
        }
        let isOdd = odd()
        var result = "\""
        for scalar in text.unicodeScalars {
            let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            guard mustEscape || (isOdd && chance(3)) else {
                result.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16, uppercase: Bool.random(using: &random))
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result + "\""
    }

    private mutating func blank() -> String { odd() ? pick([" ", "\n", "\t\r "]) : "" }
    private mutating func odd() -> Bool { rarity > 0 && chance(rarity) }
    private mutating func chance(_ count: Int) -> Bool { count > 0 && Int.random(in: 0..<count, using: &random) == 0 }
    private mutating func pick(_ texts: [String]) -> String { texts.randomElement(using: &random) ?? "" }
}
