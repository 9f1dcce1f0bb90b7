// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// JSON values as a page shows them.
enum ValueInWords {
    /// On one line and at most `limit` characters.
    static func short(_ value: JSONValue, limit: Int = 80) -> String {
        let text =
            switch value {
            case .string(let text): text.isEmpty ? "“”" : text
            case .number(let number): self.number(number)
            default: value.text
            }
        return text.count <= limit ? text : text.prefix(limit - 1) + "…"
    }

    /// As in `50`, without a fraction of zero.
    static func number(_ number: JSONNumber) -> String {
        if let integer = number.exactInteger { return String(integer) }
        return JSONValue.number(number).text
    }

    /// As in `50%`.
    static func percent(_ number: JSONNumber) -> String { self.number(number) + "%" }

    /// Tenths of a percent as in `33.4%`.
    static func permille(_ thousandths: Int64) -> String {
        thousandths % 10 == 0 ? "\(thousandths / 10)%" : "\(thousandths / 10).\(thousandths % 10)%"
    }

    /// Indented JSON, one member or item a line; deep enough nesting goes on in one line.
    static func pretty(_ value: JSONValue, depth: Int = 0) -> String {
        let indent = String(repeating: "  ", count: depth + 1)
        let end = "\n" + String(repeating: "  ", count: depth)
        switch value {
        case .array(let items) where !items.isEmpty && depth < 12 && value.text.count > 60:
            return "[\n" + items.map { indent + pretty($0, depth: depth + 1) }.joined(separator: ",\n") + end + "]"
        case .object(let members) where !members.isEmpty && depth < 12:
            let lines = members.map { member in
                indent + JSONValue.string(member.name).text + ": " + pretty(member.value, depth: depth + 1)
            }
            return "{\n" + lines.joined(separator: ",\n") + end + "}"
        default: return value.text
        }
    }
}
