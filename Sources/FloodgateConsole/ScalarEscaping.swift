// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Mustache

/// Escapes for HTML scalar by scalar.
///
/// swift-mustache escapes by grapheme: a quote followed by a combining mark would pass it and end an attribute.
struct ScalarEscaping: MustacheContentType {
    /// What templates begin with to be rendered with this type.
    static let pragma = "{{% CONTENT_TYPE:SCALAR_HTML}}"

    /// Makes the pragma known; to be called before templates are parsed.
    static func register() { MustacheContentTypes.register(ScalarEscaping(), named: "SCALAR_HTML") }

    func escapeText(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case "\u{0}": escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
