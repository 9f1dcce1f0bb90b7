// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension PatternParser {
    /// Reads `[…]` in two steps, as the core does: first where it ends and what the escapes stand for, then what it means.
    mutating func characterClass() throws(PatternError) -> ScalarSet {
        let start = position
        var tokens = [ClassToken.open]
        position += 1
        if peek == "^" {
            tokens.append(.raw(0x5E))
            position += 1
        }
        // In the outermost class alone, a bracket that comes first need not be escaped.
        if peek == "]" {
            tokens.append(.raw(0x5D))
            position += 1
        }
        var depth = 1
        while depth > 0 {
            guard let scalar = peek else {
                throw syntax("a class is not closed; write \\[ for a literal bracket", at: start)
            }
            switch scalar {
            case "\\": tokens += try classTokens()
            case "[":
                depth += 1
                tokens.append(.open)
                position += 1
            case "]":
                depth -= 1
                tokens.append(.raw(0x5D))
                position += 1
            default:
                tokens.append(.raw(scalar.value))
                position += 1
            }
        }
        for case .set(let set) in tokens { classWork += set.ranges.count * (flags.contains(.ignoresCase) ? 4 : 1) }
        guard classWork <= Self.maximumClassWork else {
            throw PatternError(code: .tooLarge, offset: 0, message: "the classes have too many ranges")
        }
        let orbits: CaseOrbits? = flags.contains(.ignoresCase) ? self.orbits : nil
        var parser = ClassParser(tokens: tokens, orbits: orbits)
        guard let set = parser.parse() else { throw syntax("this class makes no sense to the core", at: start) }
        return set
    }

    private mutating func classTokens() throws(PatternError) -> [ClassToken] {
        guard let scalar = scalar(at: position + 1) else { throw trailingBackslash() }
        switch scalar {
        case "h", "H":
            // The core puts a class of its own there, which shows where a range was meant.
            position += 2
            let ranges = (scalar == "H" ? "^" : "") + "0-9A-Fa-f]"
            return [.open] + ranges.unicodeScalars.map { .raw($0.value) }
        case "0"..."9", "R", "X", "N", "g", "O", "Z", "Q":
            throw syntax("this escape means nothing in a class")
        default: break
        }
        switch try classEscape() {
        case .set(let set): return [.set(set)]
        case .hexadecimal(let scalar), .literal(let scalar): return [.literal(scalar)]
        }
    }
}

/// A class's text once escapes are read.
enum ClassToken: Sendable {
    case open
    /// A scalar that may be an operator.
    case raw(UInt32)
    /// A scalar that stands for itself.
    case literal(UInt32)
    case set(ScalarSet)
}
