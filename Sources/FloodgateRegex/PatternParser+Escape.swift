// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension PatternParser {
    /// What a backslash outside of a class begins.
    mutating func escape() throws(PatternError) -> Node {
        let start = position
        guard let scalar = scalar(at: position + 1) else { throw trailingBackslash() }
        switch scalar {
        case "0"..."9":
            position += 1
            guard let group = decimal() else { throw syntax("there is no such group", at: start) }
            usesNumbers = true
            references.append((group, start))
            return .backreference(group, ignoresCase: flags.contains(.ignoresCase))
        case "k":
            position += 3
            switch self.scalar(at: start + 2) {
            case "'": return try namedReference(close: "'", allowsRelative: true)
            case "<": return try namedReference(close: ">", allowsRelative: true)
            default: throw syntax("the name of a group is expected, as in \\k<name>", at: start)
            }
        case "A": return assertion(.textStart)
        case "z": return assertion(.textEnd)
        case "G": return assertion(.searchStart)
        case "<": return assertion(.wordStart)
        case ">": return assertion(.wordEnd)
        case "b", "B": return try wordBoundary()
        case "K":
            position += 2
            return .keepOut
        case "Z":
            position += 2
            let lineFeeds = Node.repetition(
                .set(ScalarSet(10)),
                minimum: 0,
                maximum: nil,
                prefersMore: true
            )
            return .look(.sequence([lineFeeds, .assertion(.textEnd)]), behind: false, negated: false)
        case "O":
            position += 2
            return .set(.all)
        case "R", "X", "N", "g": throw unsupported("\\\(scalar)")
        default:
            switch try classEscape() {
            case .set(let set): return .set(set)
            case .hexadecimal(let scalar): return literal(scalar)
            case .literal(let scalar): return .set(ScalarSet(scalar))
            }
        }
    }

    private mutating func assertion(_ assertion: Assertion) -> Node {
        position += 2
        return .assertion(assertion)
    }

    /// `\b`, `\B` and `\b{start}`; a counted repetition may follow them, other braces may not.
    private mutating func wordBoundary() throws(PatternError) -> Node {
        let start = position
        let negated = peek(1) == "B"
        position += 2
        try skipBlanks()
        let plain = Node.assertion(negated ? .notWordBoundary : .wordBoundary)
        guard peek == "{" else { return plain }
        if let next = peek(1), next == "," || ("0"..."9").contains(next) { return plain }
        guard !negated else { throw syntax("only \\b can be followed by braces", at: start) }
        let forms: [(StaticString, Assertion)] = [
            ("{start}", .wordStart), ("{end}", .wordEnd), ("{start-half}", .wordStartHalf),
            ("{end-half}", .wordEndHalf),
        ]
        for (text, assertion) in forms where follows(text) {
            position += text.utf8CodeUnitCount
            return .assertion(assertion)
        }
        throw syntax("the forms are \\b{start}, \\b{end}, \\b{start-half} and \\b{end-half}", at: start)
    }

    private func peek(_ offset: Int) -> Unicode.Scalar? { scalar(at: position + offset) }

    func trailingBackslash() -> PatternError { syntax("nothing follows the backslash; write \\\\ for a literal one") }

    /// What a backslash can stand for in a class as well as outside of it.
    enum ClassEscape {
        case set(ScalarSet)
        /// A scalar given by number, to which `(?i)` applies outside of classes.
        case hexadecimal(UInt32)
        case literal(UInt32)
    }

    mutating func classEscape() throws(PatternError) -> ClassEscape {
        let start = position
        guard let scalar = scalar(at: position + 1) else { throw trailingBackslash() }
        position += 2
        switch scalar {
        case "d", "s", "w": return .set(perl(scalar))
        case "D", "S", "W":
            return .set(perl(Unicode.Scalar(UInt8(truncatingIfNeeded: scalar.value | 32))).inverted())
        case "h": return .set(.hexDigits)
        case "H": return .set(ScalarSet.hexDigits.inverted())
        case "p", "P": return .set(try property(negated: scalar == "P", from: start))
        case "x": return .hexadecimal(try hexadecimal(digits: 2))
        case "u": return .hexadecimal(try hexadecimal(digits: 4))
        case "U": return .hexadecimal(try hexadecimal(digits: 8))
        case "a": return .literal(7)
        case "b": return .literal(8)
        case "f": return .literal(12)
        case "n": return .literal(10)
        case "r": return .literal(13)
        case "t": return .literal(9)
        case "v": return .literal(11)
        case "e": return .literal(27)
        case "k", "A", "z", "B", "K", "G": return .literal(scalar.value)
        case "a"..."z", "A"..."Z", "0"..."9": throw syntax("\\\(scalar) means nothing here", at: start)
        default: return .literal(scalar.value)
        }
    }

    private mutating func perl(_ scalar: Unicode.Scalar) -> ScalarSet {
        let key = [0x5C, scalar.value]
        if let known = properties[key] { return known }
        let set = UnicodeTables.set([UInt8(truncatingIfNeeded: scalar.value)], in: UnicodeTables.perl) ?? ScalarSet()
        properties[key] = set
        return set
    }

    private mutating func property(negated: Bool, from start: Int) throws(PatternError) -> ScalarSet {
        guard position < scalars.count else { throw syntax("the name of a property is expected", at: start) }
        var name = [scalars[position]]
        position += 1
        if name == [0x7B] {
            name = []
            while let scalar = peek, scalar != "}" {
                name.append(scalar.value)
                position += 1
            }
            guard peek == "}" else { throw syntax("the name of a property ends with }", at: start) }
            position += 1
        }
        var set: ScalarSet
        if let known = properties[name] {
            set = known
        } else {
            guard let found = UnicodeProperty.set(name) else {
                throw syntax("this is not a property of Unicode that the core knows", at: start)
            }
            set = found
            properties[name] = found
        }
        if flags.contains(.ignoresCase) { set = orbits.closure(of: set) }
        return negated ? set.inverted() : set
    }

    private mutating func hexadecimal(digits: Int) throws(PatternError) -> UInt32 {
        let start = position
        try skipBlanks()
        var end = position
        if peek == "{" {
            position += 1
            try skipBlanks()
            end = position
            while end < scalars.count, end - position < 8, hexValue(scalars[end]) != nil { end += 1 }
        } else {
            while end < scalars.count, end - position < digits, hexValue(scalars[end]) != nil { end += 1 }
            guard end - position == digits else { throw syntax("\(digits) hexadecimal digits are expected", at: start) }
        }
        guard end > position else { throw syntax("hexadecimal digits are expected", at: start) }
        let value = scalars[position..<end].reduce(UInt32(0)) { $0 << 4 | (hexValue($1) ?? 0) }
        let wasBraced = scalars[start..<position].contains(0x7B)
        position = end
        if wasBraced {
            try skipBlanks()
            guard peek == "}" else { throw syntax("at most 8 hexadecimal digits and } are expected", at: start) }
            position += 1
        }
        guard Unicode.Scalar(value) != nil else { throw syntax("this number is not that of a scalar", at: start) }
        return value
    }

    private func hexValue(_ scalar: UInt32) -> UInt32? {
        switch scalar {
        case 48...57: scalar - 48
        case 65...70: scalar - 55
        case 97...102: scalar - 87
        default: nil
        }
    }
}
