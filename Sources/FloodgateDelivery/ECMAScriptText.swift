// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// JSON as `JSON.stringify` (ECMA-262, 25.5.2) writes what `JSON.parse` read, and a hash of it: what clients in browsers
/// compare their documents by.
package enum ECMAScriptText {
    /// How far down members are brought into the order of their names.
    package enum Order: Sendable { case sorted(levels: Int), asTheyCome }

    /// The text of `value`.
    ///
    /// Members that look like indexes of an array come first, in the order of their numbers, as engines keep them.
    package static func text(of value: JSONValue, _ order: Order = .asTheyCome) -> String {
        var writer = JSONWriter(capacity: 1 << 12)
        write(value, order, to: &writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// `h = 31 h + unit` modulo 2^32 over the UTF-16 code units of `text`, in decimal.
    package static func djb2(_ text: String) -> String {
        String(text.utf16.reduce(UInt32(0)) { $0 &* 31 &+ UInt32($1) })
    }

    private static func write(_ value: JSONValue, _ order: Order, to writer: inout JSONWriter) {
        switch value {
        case .null, .bool, .string: writer.write(value)
        case .number(let number): writer.raw(text(of: number.doubleValue).utf8)
        case .array(let items):
            writer.raw("[")
            for (index, item) in items.enumerated() {
                if index > 0 { writer.raw(",") }
                write(item, .asTheyCome, to: &writer)
            }
            writer.raw("]")
        case .object(let object):
            writer.raw("{")
            for (index, member) in members(of: object, order).enumerated() {
                if index > 0 { writer.raw(",") }
                writer.write(member.name)
                writer.raw(":")
                write(member.value, order.below, to: &writer)
            }
            writer.raw("}")
        }
    }

    private static func members(of object: JSONObject, _ order: Order) -> [JSONObject.Member] {
        var indexes: [(UInt32, JSONObject.Member)] = []
        var others: [JSONObject.Member] = []
        for member in object {
            if let index = index(member.name) { indexes.append((index, member)) } else { others.append(member) }
        }
        indexes.sort { $0.0 < $1.0 }
        if case .sorted = order { others.sort { $0.name.utf16.lexicographicallyPrecedes($1.name.utf16) } }
        return indexes.map(\.1) + others
    }

    /// The number that `name` is the canonical text of, if that is an index that an array may have.
    private static func index(_ name: String) -> UInt32? {
        guard let first = name.utf8.first, 0x30...0x39 ~= first, first != 0x30 || name.utf8.count == 1,
            name.utf8.count <= 10, let index = UInt32(name), index < .max
        else { return nil }
        return index
    }

    /// `Number::toString` (ECMA-262, 6.1.6.1.20) for base ten.
    static func text(of value: Double) -> String {
        guard value != 0, value.isFinite else { return value == 0 ? "0" : "null" }
        var digits: [UInt8] = []
        var point = 0
        let text = value.magnitude.description
        let mark = text.utf8.firstIndex(of: UInt8(ascii: "e"))
        var isFraction = false
        for byte in text.utf8[..<(mark ?? text.utf8.endIndex)] {
            if byte == UInt8(ascii: ".") {
                isFraction = true
            } else {
                digits.append(byte)
                if !isFraction { point += 1 }
            }
        }
        if let mark { point += Int(text[text.index(after: mark)...]) ?? 0 }
        let zeros = digits.prefix { $0 == 0x30 }.count
        digits.removeFirst(zeros)
        point -= zeros
        while digits.last == 0x30 { digits.removeLast() }
        return (value < 0 ? "-" : "") + String(decoding: layout(digits, point), as: UTF8.self)
    }

    private static func layout(_ digits: [UInt8], _ point: Int) -> [UInt8] {
        let zero = UInt8(ascii: "0")
        switch point {
        case digits.count...21: return digits + Array(repeating: zero, count: point - digits.count)
        case 1...21: return Array(digits[..<point]) + [UInt8(ascii: ".")] + Array(digits[point...])
        case -5...0: return Array("0.".utf8) + Array(repeating: zero, count: -point) + digits
        default:
            var text = [digits[0]]
            if digits.count > 1 { text += [UInt8(ascii: ".")] + Array(digits[1...]) }
            return text + Array("e\(point > 0 ? "+" : "-")\(abs(point - 1))".utf8)
        }
    }
}

extension ECMAScriptText.Order {
    fileprivate var below: ECMAScriptText.Order {
        if case .sorted(let levels) = self, levels > 0 { .sorted(levels: levels - 1) } else { .asTheyCome }
    }
}
