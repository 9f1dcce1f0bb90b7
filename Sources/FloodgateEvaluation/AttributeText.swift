// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// The text that a JSON value of the user is compared and hashed by.
enum AttributeText {
    /// Nil for null and objects: `true`, a plain decimal, the string itself, or an array's compact JSON.
    static func text(of value: JSONValue) -> String? {
        switch value {
        case .null, .object: nil
        case .bool(let flag): flag ? "true" : "false"
        case .number(.integer(let number)) where number.magnitude <= 1 << 53: String(number)
        case .number(let number): NumberText.decimal(number.doubleValue)
        case .string(let text): text
        case .array: value.text
        }
    }
}
