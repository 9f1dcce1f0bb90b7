// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// Small changes to an input, drawn from a generator so that the same seed makes the same ones.
package enum Mutation {
    /// A mutation that suits `target`, no longer than it takes.
    package static func of(
        _ bytes: [UInt8],
        for target: FuzzTarget,
        using random: inout some RandomNumberGenerator
    ) -> [UInt8] {
        var mutated: [UInt8]?
        if target.isJSON, Int.random(in: 0..<4, using: &random) > 0 { mutated = ofValues(in: bytes, using: &random) }
        var result = mutated ?? bytes
        if mutated == nil {
            let words = target.isJSON ? Words.members : target.pieces
            for _ in 0..<Int.random(in: 1...4, using: &random) { change(&result, words, &random) }
        }
        return Array(result.prefix(target.maximumBytes))
    }

    // MARK: Values

    /// Another JSON text with one to four of the values or members changed; nil if `bytes` are not JSON.
    package static func ofValues(in bytes: [UInt8], using random: inout some RandomNumberGenerator) -> [UInt8]? {
        guard let json = try? JSONValue(parsing: bytes, limits: JSONLimits(depth: 512, ignoresTrailingText: true))
        else {
            return nil
        }
        var value = json
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let count = count(value)
            var donor = Int.random(in: 0..<count, using: &random)
            let gift = pick(value, &donor) ?? .null
            var place = Int.random(in: 0..<count, using: &random)
            value = changed(value, at: &place) { change($0, gift, &random) }
        }
        return value.bytes
    }

    private static func count(_ value: JSONValue) -> Int {
        switch value {
        case .array(let items): items.reduce(1) { $0 + count($1) }
        case .object(let object): object.reduce(1) { $0 + count($1.value) }
        default: 1
        }
    }

    /// The value that stands `place` values after the first.
    private static func pick(_ value: JSONValue, _ place: inout Int) -> JSONValue? {
        if place == 0 { return value }
        place -= 1
        let parts: [JSONValue] =
            switch value {
            case .array(let items): items
            case .object(let object): object.map(\.value)
            default: []
            }
        for part in parts { if let found = pick(part, &place) { return found } }
        return nil
    }

    private static func changed(
        _ value: JSONValue,
        at place: inout Int,
        _ change: (JSONValue) -> JSONValue
    ) -> JSONValue {
        if place < 0 { return value }
        place -= 1
        if place < 0 { return change(value) }
        switch value {
        case .array(let items): return .array(items.map { changed($0, at: &place, change) })
        case .object(let object):
            return .object(JSONObject(object.map { ($0.name, changed($0.value, at: &place, change)) }))
        default: return value
        }
    }

    private static func change(
        _ value: JSONValue,
        _ gift: JSONValue,
        _ random: inout some RandomNumberGenerator
    ) -> JSONValue {
        switch (Int.random(in: 0..<8, using: &random), value) {
        case (0, _): return Words.oddValues.randomElement(using: &random) ?? .null
        case (1, _): return gift
        case (2, _): return .string(Words.values.randomElement(using: &random) ?? "")
        case (3, _):
            let depth = [1, 2, 100, 126, 127, 128].randomElement(using: &random) ?? 1
            return (0..<depth).reduce(value) { inner, _ in [inner] }
        case (4..., .array(var items)):
            let index = items.isEmpty ? 0 : Int.random(in: 0..<items.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0 where !items.isEmpty: items.remove(at: index)
            case 1: items.insert(gift, at: index)
            default: items += items.prefix(64)
            }
            return .array(items)
        case (4..., .object(var object)):
            let name = object.names.randomElement(using: &random) ?? ""
            switch Int.random(in: 0..<3, using: &random) {
            case 0: object[name] = nil
            case 1: object[Words.members.randomElement(using: &random) ?? ""] = gift
            default:
                let value = object.remove(name) ?? gift
                object[(Words.members + Words.values).randomElement(using: &random) ?? ""] = value
            }
            return .object(object)
        case (4..., .string(let text)):
            var bytes = Array(text.utf8)
            change(&bytes, Words.pieces, &random)
            return .string(String(decoding: bytes, as: UTF8.self))
        case (4..., .number(let number)):
            let steps: [Double] = [-1, 1, 0.5, 100, -1e18, 1e300]
            let step = steps.randomElement(using: &random) ?? 1
            return .double(number.doubleValue + step)
        default: return Words.oddValues.randomElement(using: &random) ?? .null
        }
    }

    // MARK: Bytes

    private static func change(
        _ bytes: inout [UInt8],
        _ words: [String],
        _ random: inout some RandomNumberGenerator
    ) {
        let index = Int.random(in: 0...bytes.count, using: &random)
        let end = min(bytes.count, index + Int.random(in: 1...16, using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0 where index < bytes.count: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1 where index < bytes.count: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(index..<end)
        case 3: bytes.insert(contentsOf: Array(bytes[index..<end]), at: index)
        case 4: bytes.insert(Array("[]{}\",:\\-0e.(|*?".utf8).randomElement(using: &random) ?? 0, at: index)
        default: bytes.insert(contentsOf: Array((words.randomElement(using: &random) ?? "").utf8), at: index)
        }
    }
}
