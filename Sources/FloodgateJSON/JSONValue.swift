// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Any JSON value, with the difference between `1` and `1.0` and the order of members kept.
public enum JSONValue: Sendable, Hashable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number.
    case number(JSONNumber)
    /// A text.
    case string(String)
    /// A list of values.
    case array([JSONValue])
    /// Members by name, in the order of the text.
    case object(JSONObject)
}

/// A JSON number as the document wrote it: an integer while it fits 64 bits, else a 64-bit float.
public enum JSONNumber: Sendable, Hashable {
    /// An integer from -2^63 to 2^63 - 1.
    case integer(Int64)
    /// An integer from 2^63 to 2^64 - 1.
    case unsigned(UInt64)
    /// Everything that was written with a fraction or an exponent, `-0`, and integers beyond 64 bits; always finite.
    case double(Double)

    /// The nearest 64-bit float.
    public var doubleValue: Double {
        switch self {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .double(let value): value
        }
    }

    /// The number as a signed 64-bit integer if it is integral and fits, also when written as `1.0` or `1e3`.
    public var exactInteger: Int64? {
        switch self {
        case .integer(let value): value
        case .unsigned: nil
        case .double(let value): Int64(exactly: value)
        }
    }
}

extension JSONValue {
    /// Whether both are the same value of the same kind: texts byte for byte, `1` and `1.0` apart, members in any order.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.isExactly(right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// Feeds the value to `hasher`.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let flag): hasher.combine(flag)
        case .number(let number): hasher.combine(number)
        case .string(let text): hasher.combine(ExactText(text))
        case .array(let items): hasher.combine(items)
        case .object(let object): hasher.combine(object)
        }
    }

    /// The member `name` of an object; nil for a missing member and for anything but an object.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let object) = self else { return nil }
        return object[name]
    }

    /// The text of a string.
    public var stringValue: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The value of a boolean.
    public var boolValue: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The value of any number as a 64-bit float.
    public var doubleValue: Double? {
        guard case .number(let value) = self else { return nil }
        return value.doubleValue
    }

    /// The value of a number that is integral and fits 64 bits, also when written as `1.0`.
    public var integerValue: Int64? {
        guard case .number(let value) = self else { return nil }
        return value.exactInteger
    }

    /// The items of an array.
    public var arrayValue: [JSONValue]? {
        guard case .array(let value) = self else { return nil }
        return value
    }

    /// The members of an object.
    public var objectValue: JSONObject? {
        guard case .object(let value) = self else { return nil }
        return value
    }

    /// Whether this is `null`.
    public var isNull: Bool {
        guard case .null = self else { return false }
        return true
    }

    /// Whether both say the same in JSON, where `1` and `1.0` are one number and members have no order.
    public func isEquivalent(to other: JSONValue) -> Bool {
        switch (self, other) {
        case (.number(let left), .number(let right)):
            if case .double = left { return left.doubleValue == right.doubleValue }
            if case .double = right { return left.doubleValue == right.doubleValue }
            return left == right
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.isEquivalent(to: $1) }
        case (.object(let left), .object(let right)):
            return left.count == right.count
                && left.allSatisfy { member in
                    right[member.name].map { member.value.isEquivalent(to: $0) } ?? false
                }
        default:
            return self == other
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    // No nil literal: it would turn the nil of an optional into `null` behind the writer's back.

    /// Makes a text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// Makes a boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Makes an integer.
    public init(integerLiteral value: Int64) { self = .number(.integer(value)) }
    /// Makes a float; one that is not finite, which JSON cannot say, becomes `null`.
    public init(floatLiteral value: Double) { self = value.isFinite ? .number(.double(value)) : .null }
    /// Makes a list.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Makes an object with its members in the order given; of equal names the last wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (name, value) in elements { object[name] = value }
        self = .object(object)
    }

    /// Makes an integer.
    public static func integer(_ value: Int64) -> JSONValue { .number(.integer(value)) }
    /// Makes an integer.
    public static func integer(_ value: Int) -> JSONValue { .number(.integer(Int64(value))) }
    /// Makes a float; one that is not finite, which JSON cannot say, becomes `null`.
    public static func double(_ value: Double) -> JSONValue { JSONValue(floatLiteral: value) }
    /// Makes a text, or `null` of nil.
    public static func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
}
