// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON

/// Finds an object's members by name, and insists on what they must be.
protocol MemberReading: ~Copyable {
    associatedtype Name

    /// The value of a member: of equal names, the last.
    subscript(name: Name) -> JSONView? { get }

    /// The name as documents have it.
    static func spelling(of name: Name) -> String
}

/// Looks members up one by one, where there are few objects of a kind.
struct MemberReader: MemberReading {
    private let json: JSONView

    init(_ json: JSONView) throws(SpecError) {
        guard json.kind == .object else { throw SpecError(wanted: "an object") }
        self.json = json
    }

    subscript(name: StaticString) -> JSONView? { json[name] }

    static func spelling(of name: StaticString) -> String { "\(name)" }
}

extension MemberReading where Self: ~Copyable {
    private func wrongType(_ name: Name, _ wanted: String) -> SpecError {
        SpecError(wanted: wanted).under(Self.spelling(of: name))
    }

    func missing(_ name: Name) -> SpecError { SpecError(missing: Self.spelling(of: name)) }

    private func required(_ name: Name) throws(SpecError) -> JSONView {
        guard let value = self[name], !value.isNull else { throw missing(name) }
        return value
    }

    /// The value of a member that may be missing or null.
    func present(_ name: Name) -> JSONView? {
        guard let value = self[name], !value.isNull else { return nil }
        return value
    }

    /// The value of a member that must be there and may be null.
    func anything(_ name: Name) throws(SpecError) -> JSONView {
        guard let value = self[name] else { throw missing(name) }
        return value
    }

    func text(_ name: Name) throws(SpecError) -> JSONView {
        let value = try required(name)
        guard value.kind == .string else { throw wrongType(name, "a text") }
        return value
    }

    func optionalText(_ name: Name) throws(SpecError) -> JSONView? {
        guard let value = present(name) else { return nil }
        guard value.kind == .string else { throw wrongType(name, "a text") }
        return value
    }

    func flag(_ name: Name) throws(SpecError) -> Bool {
        guard let flag = try required(name).flag else { throw wrongType(name, "true or false") }
        return flag
    }

    func optionalFlag(_ name: Name) throws(SpecError) -> Bool? {
        guard let value = present(name) else { return nil }
        guard let flag = value.flag else { throw wrongType(name, "true or false") }
        return flag
    }

    func number(_ name: Name) throws(SpecError) -> JSONNumber {
        guard let number = try required(name).number else { throw wrongType(name, "a number") }
        return number
    }

    func optionalNumber(_ name: Name) throws(SpecError) -> JSONNumber? {
        guard let value = present(name) else { return nil }
        guard let number = value.number else { throw wrongType(name, "a number") }
        return number
    }

    func unsigned(_ name: Name) throws(SpecError) -> UInt64 {
        guard let value = try optionalUnsigned(name) else { throw missing(name) }
        return value
    }

    func optionalUnsigned(_ name: Name, upTo limit: UInt64 = .max) throws(SpecError) -> UInt64? {
        guard let view = present(name) else { return nil }
        let value: UInt64
        switch view.number {
        case .integer(let number)? where number >= 0: value = UInt64(number)
        case .unsigned(let number)?: value = number
        default: throw wrongType(name, "an integer, 0 or more, without a fraction")
        }
        guard value <= limit else {
            let message = "\(value) is too large; at most \(limit) is allowed"
            throw SpecError(code: .outOfRange, pointer: "", message: message).under(Self.spelling(of: name))
        }
        return value
    }

    func list(_ name: Name) throws(SpecError) -> JSONView {
        let value = try required(name)
        guard value.kind == .array else { throw wrongType(name, "a list") }
        return value
    }

    func optionalTexts(_ name: Name) throws(SpecError) -> JSONView? {
        guard let value = present(name) else { return nil }
        guard value.kind == .array else { throw wrongType(name, "a list of texts") }
        var index = 0
        for item in value.items {
            guard item.kind == .string else {
                throw SpecError(wanted: "a text").under(index).under(Self.spelling(of: name))
            }
            index += 1
        }
        return value
    }

    func object(_ name: Name) throws(SpecError) -> JSONView {
        let value = try required(name)
        guard value.kind == .object else { throw wrongType(name, "an object") }
        return value
    }

    func optionalObject(_ name: Name) throws(SpecError) -> JSONView? {
        guard let value = present(name) else { return nil }
        guard value.kind == .object else { throw wrongType(name, "an object") }
        return value
    }
}
