// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// Takes known members out of an object and leaves the rest.
struct MemberReader {
    private let object: JSONObject
    private let place: Place
    private var taken = PositionSet()

    init(_ json: JSONValue, at place: Place) throws(SpecError) {
        guard case .object(let object) = json else { throw place.wrongType("an object") }
        self.object = object
        self.place = place
    }

    /// The members that nobody asked for.
    var rest: JSONObject {
        if taken.count == object.count { return JSONObject() }
        var rest = JSONObject()
        for (position, member) in object.enumerated() where !taken.contains(position) {
            rest[member.name] = member.value
        }
        return rest
    }

    /// Insists on the types of members that are kept as they came, where there are such.
    func check(_ rest: JSONObject, texts: [String], textLists: [String] = []) throws(SpecError) {
        if rest.isEmpty { return }
        for name in texts where rest[name] != nil {
            var reader = self
            _ = try reader.optionalText(name)
        }
        for name in textLists where rest[name] != nil {
            var reader = self
            _ = try reader.optionalTexts(name)
        }
    }

    mutating func take(_ name: String) -> JSONValue? {
        guard let position = object.position(of: name) else { return nil }
        taken.insert(position)
        return object[position].value
    }

    func wrongType(_ name: String, _ wanted: String) -> SpecError { place.member(name).wrongType(wanted) }

    mutating func present(_ name: String) -> JSONValue? { take(name) }

    private mutating func required(_ name: String) throws(SpecError) -> JSONValue {
        guard let value = take(name), !value.isNull else { throw place.missing(name) }
        return value
    }

    /// The value of a member that must be there and may be null.
    mutating func anything(_ name: String) throws(SpecError) -> JSONValue {
        guard let value = take(name) else { throw place.missing(name) }
        return value
    }

    mutating func text(_ name: String) throws(SpecError) -> String {
        guard case .string(let text) = try required(name) else { throw place.member(name).wrongType("a text") }
        return text
    }

    mutating func optionalText(_ name: String) throws(SpecError) -> String? {
        switch take(name) {
        case nil, .null: return nil
        case .string(let text): return text
        default: throw place.member(name).wrongType("a text")
        }
    }

    mutating func flag(_ name: String) throws(SpecError) -> Bool {
        guard case .bool(let flag) = try required(name) else { throw place.member(name).wrongType("true or false") }
        return flag
    }

    mutating func optionalFlag(_ name: String) throws(SpecError) -> Bool? {
        switch take(name) {
        case nil, .null: return nil
        case .bool(let flag): return flag
        default: throw place.member(name).wrongType("true or false")
        }
    }

    mutating func number(_ name: String) throws(SpecError) -> JSONNumber {
        guard case .number(let number) = try required(name) else { throw place.member(name).wrongType("a number") }
        return number
    }

    mutating func unsigned(_ name: String) throws(SpecError) -> UInt64 {
        guard let value = try optionalUnsigned(name, upTo: UInt64.max) else { throw place.missing(name) }
        return value
    }

    mutating func optionalUnsigned(_ name: String, upTo limit: UInt64) throws(SpecError) -> UInt64? {
        let value: UInt64
        switch take(name) {
        case nil, .null: return nil
        case .number(.integer(let number)) where number >= 0: value = UInt64(number)
        case .number(.unsigned(let number)): value = number
        default: throw place.member(name).wrongType("an integer, 0 or more, without a fraction")
        }
        guard value <= limit else {
            let message = "\(value) is too large; at most \(limit) is allowed"
            throw SpecError(code: .outOfRange, pointer: place.member(name).pointer, message: message)
        }
        return value
    }

    mutating func list(_ name: String) throws(SpecError) -> [JSONValue] {
        guard case .array(let items) = try required(name) else { throw place.member(name).wrongType("a list") }
        return items
    }

    mutating func optionalTexts(_ name: String) throws(SpecError) -> [String]? {
        let value = take(name)
        guard let value, !value.isNull else { return nil }
        guard case .array(let items) = value else { throw place.member(name).wrongType("a list of texts") }
        var texts: [String] = []
        for (index, item) in items.enumerated() {
            guard case .string(let text) = item else { throw place.member(name).item(index).wrongType("a text") }
            texts.append(text)
        }
        return texts
    }

    mutating func object(_ name: String) throws(SpecError) -> JSONObject {
        guard case .object(let object) = try required(name) else { throw place.member(name).wrongType("an object") }
        return object
    }

    mutating func optionalObject(_ name: String) throws(SpecError) -> JSONObject? {
        switch take(name) {
        case nil, .null: return nil
        case .object(let object): return object
        default: throw place.member(name).wrongType("an object")
        }
    }
}

/// Positions of members: a bit each for the first 64, which is nearly always all.
private struct PositionSet {
    private var low: UInt64 = 0
    private var high: Set<Int> = []

    var count: Int { low.nonzeroBitCount + high.count }

    mutating func insert(_ position: Int) {
        if position < 64 { low |= 1 << UInt64(position) } else { high.insert(position) }
    }

    func contains(_ position: Int) -> Bool {
        position < 64 ? low & 1 << UInt64(position) != 0 : high.contains(position)
    }
}
