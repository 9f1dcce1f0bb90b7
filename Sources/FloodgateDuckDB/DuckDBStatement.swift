// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse

/// Statements as DuckDB's program is given them: each one line, so that nothing in them is taken for a command of the
/// program's own, which begin lines with a dot.
enum DuckDBStatement {
    /// `text` as a literal, on one line.
    static func literal(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 }) else { return quoted(text) }
        // Control characters are made by a function.
        var parts: [String] = []
        var plain = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 {
                if !plain.isEmpty { parts.append(quoted(plain)) }
                plain = ""
                parts.append("chr(\(scalar.value))")
            } else {
                plain.unicodeScalars.append(scalar)
            }
        }
        if !plain.isEmpty { parts.append(quoted(plain)) }
        return "(" + parts.joined(separator: " || ") + ")"
    }

    private static func quoted(_ text: String) -> String { "'" + doubling("'", in: text) + "'" }

    /// `name` as an identifier.
    static func identifier(_ name: String) -> String { "\"" + doubling("\"", in: name) + "\"" }

    private static func doubling(_ quote: Unicode.Scalar, in text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if scalar == quote { result.unicodeScalars.append(quote) }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    /// One question on one line, without comments.
    /// - Throws: `.rejected` if it is not exactly one question, or a text, name or comment in it has no end.
    static func question(_ sql: String) throws(WarehouseError) -> String {
        var scanner = Scanner(rest: Array(sql.unicodeScalars)[...])
        try scanner.run()
        let line = scanner.line.trimmed
        let verb = line.prefix { $0.isLetter }.lowercased()
        guard ["select", "with", "from"].contains(verb) || line.hasPrefix("(") else {
            throw WarehouseError(.rejected, "a question begins with SELECT, WITH or FROM, not '\(line.prefix(20))'")
        }
        return line
    }

    /// Walks over a statement as the program does, to know what is text and what is not.
    private struct Scanner {
        var rest: ArraySlice<Unicode.Scalar>
        var line = ""
        private var isOver = false

        init(rest: ArraySlice<Unicode.Scalar>) { self.rest = rest }

        mutating func run() throws(WarehouseError) {
            while let scalar = rest.popFirst() {
                switch scalar {
                case "'": try text()
                case "\"": try name()
                case "-" where rest.first == "-": rest = rest.drop { $0 != "\n" }
                case "/" where rest.first == "*": try comment()
                case "$", "`", "\\", "\0":
                    throw WarehouseError(.rejected, "'\(scalar.escaped(asASCII: true))' has no place in a question")
                case ";": isOver = true
                case _ where scalar.properties.isWhitespace || scalar.value < 0x20: line.unicodeScalars.append(" ")
                default: try append(scalar)
                }
            }
        }

        private mutating func append(_ scalar: Unicode.Scalar) throws(WarehouseError) {
            guard !isOver else { throw WarehouseError(.rejected, "a question is one statement") }
            line.unicodeScalars.append(scalar)
        }

        private mutating func text() throws(WarehouseError) {
            guard !isOver else { throw WarehouseError(.rejected, "a question is one statement") }
            if let last = line.unicodeScalars.last, last == "e" || last == "E" || last == "x" || last == "X" {
                let before = line.unicodeScalars.dropLast().last
                if !(before?.properties.isAlphabetic ?? false) {
                    throw WarehouseError(.rejected, "write texts without a letter before their quote")
                }
            }
            var content = ""
            while let scalar = rest.popFirst() {
                if scalar == "'" {
                    guard rest.first == "'" else {
                        line += DuckDBStatement.literal(content)
                        return
                    }
                    rest.removeFirst()
                }
                content.unicodeScalars.append(scalar)
            }
            throw WarehouseError(.rejected, "a text in the question has no end")
        }

        private mutating func name() throws(WarehouseError) {
            try append("\"")
            while let scalar = rest.popFirst() {
                guard scalar.value >= 0x20 else { throw WarehouseError(.rejected, "a name has a control character") }
                line.unicodeScalars.append(scalar)
                if scalar == "\"" { return }
            }
            throw WarehouseError(.rejected, "a name in the question has no end")
        }

        private mutating func comment() throws(WarehouseError) {
            rest.removeFirst()
            while let scalar = rest.popFirst() {
                if scalar == "*", rest.first == "/", rest.popFirst() != nil {
                    line += " "
                    return
                }
            }
            throw WarehouseError(.rejected, "a comment in the question has no end")
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
