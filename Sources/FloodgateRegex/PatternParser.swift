// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Reads a pattern in the core's syntax, one scalar at a time, into a tree.
///
/// The core's flags outlive the group that sets them unless it is of the form `(?flags:…)`; so do ours.
struct PatternParser {
    /// Groups that may stand in each other, as in the core; it also bounds recursion.
    static let maximumDepth = 63

    /// Ranges that all classes together may take from properties, several times the most that a person would write.
    static let maximumClassWork = 1_000_000

    let scalars: [UInt32]
    var position = 0
    var flags = PatternFlags()
    var groupCount = 0
    var names: [String: Int] = [:]
    var usesNumbers = false
    /// The groups that are asked for, with the place of the question.
    var references: [(group: Int, offset: Int)] = []
    lazy var orbits = CaseOrbits()
    var properties: [[UInt32]: ScalarSet] = [:]
    /// Ranges in the classes so far, a measure of the time that they took.
    var classWork = 0

    init(_ pattern: String) {
        scalars = pattern.unicodeScalars.map(\.value)
    }

    /// The whole pattern.
    mutating func parse() throws(PatternError) -> Node {
        let node = try alternation(depth: 0)
        guard position == scalars.count else {
            throw syntax("there is no group to close here; write \\) for a parenthesis")
        }
        for reference in references where reference.group < 1 || reference.group > groupCount {
            throw syntax("there is no group \(reference.group)", at: reference.offset)
        }
        return node
    }

    // MARK: Alternatives, sequences, quantifiers

    mutating func alternation(depth: Int) throws(PatternError) -> Node {
        let first = try sequence(depth: depth)
        try skipBlanks()
        guard peek == "|" else {
            guard !usesNumbers || names.isEmpty else {
                throw syntax("a pattern with named groups must refer to them by name")
            }
            return first
        }
        var alternatives = [first]
        while peek == "|" {
            position += 1
            alternatives.append(try sequence(depth: depth))
            try skipBlanks()
        }
        return .alternation(alternatives)
    }

    private mutating func sequence(depth: Int) throws(PatternError) -> Node {
        var nodes: [Node] = []
        while position < scalars.count {
            let start = position
            let node = try piece(depth: depth)
            if position == start { break }
            if !node.isEmpty { nodes.append(node) }
        }
        if nodes.count > 1 { return .sequence(nodes) }
        return nodes.first ?? .empty
    }

    private mutating func piece(depth: Int) throws(PatternError) -> Node {
        let child = try atom(depth: depth)
        try skipBlanks()
        let start = position
        guard let (minimum, maximum) = try quantifier() else { return child }
        guard child.isRepeatable else { throw syntax("nothing to repeat stands before this", at: start) }
        if let maximum, maximum < minimum { throw syntax("the first number must not be the larger one", at: start) }
        try skipBlanks()
        var prefersMore = !flags.contains(.swapsGreed)
        if peek == "?" {
            position += 1
            prefersMore.toggle()
        }
        let node = Node.repetition(child, minimum: minimum, maximum: maximum, prefersMore: prefersMore)
        guard peek == "+" else { return node }
        position += 1
        return .atomic(node)
    }

    private mutating func quantifier() throws(PatternError) -> (Int, Int?)? {
        switch peek {
        case "{": return try counts()
        case "?":
            position += 1
            return (0, 1)
        case "*":
            position += 1
            return (0, nil)
        case "+":
            position += 1
            return (1, nil)
        default: return nil
        }
    }

    /// `{2}`, `{2,}`, `{,3}` or `{2,3}`; anything else leaves the brace to be a literal.
    mutating func counts() throws(PatternError) -> (Int, Int?)? {
        let start = position
        position += 1
        try skipBlanks()
        var minimum = 0
        if peek != "," {
            guard let number = decimal() else { return give(up: start) }
            minimum = number
        }
        try skipBlanks()
        var maximum: Int? = minimum
        if peek == "," {
            position += 1
            try skipBlanks()
            maximum = decimal()
        }
        try skipBlanks()
        guard peek == "}" else { return give(up: start) }
        position += 1
        return (minimum, maximum)
    }

    private mutating func give(up start: Int) -> (Int, Int?)? {
        position = start
        return nil
    }

    // MARK: Atoms

    private mutating func atom(depth: Int) throws(PatternError) -> Node {
        try skipBlanks()
        guard let scalar = peek else { return .empty }
        switch scalar {
        case ".":
            position += 1
            return .set(flags.contains(.dotMatchesLineFeed) ? .all : .allButLineFeed)
        case "^":
            position += 1
            return .assertion(flags.contains(.multiline) ? .lineStart : .textStart)
        case "$":
            position += 1
            return .assertion(flags.contains(.multiline) ? .lineEnd : .textEnd)
        case "(": return try group(depth: depth)
        case "\\": return try escape()
        case "[": return .set(try characterClass())
        case "+", "*", "?", "|", ")": return .empty
        default:
            position += 1
            return literal(scalar.value)
        }
    }

    /// One scalar, or all scalars of its letter if case is ignored.
    mutating func literal(_ scalar: UInt32) -> Node {
        guard flags.contains(.ignoresCase) else { return .set(ScalarSet(scalar)) }
        return .set(ScalarSet(joining: ([scalar] + orbits.others(of: scalar)).map { $0...$0 }))
    }

    // MARK: Reading

    /// The scalar at the position, nil at the end.
    var peek: Unicode.Scalar? { position < scalars.count ? Unicode.Scalar(scalars[position]) : nil }

    func scalar(at index: Int) -> Unicode.Scalar? { index < scalars.count ? Unicode.Scalar(scalars[index]) : nil }

    /// Whether `text` comes next.
    func follows(_ text: StaticString, at offset: Int = 0) -> Bool {
        let start = position + offset
        guard scalars.count - start >= text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { bytes in
            bytes.indices.allSatisfy { scalars[start + $0] == UInt32(bytes[$0]) }
        }
    }

    /// Moves past digits and answers their value; does not move if there is none or it exceeds 64 bits.
    mutating func decimal() -> Int? {
        var end = position
        var value: UInt64 = 0
        var overflows = false
        while end < scalars.count, (48...57).contains(scalars[end]) {
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, stillTooLarge) = product.addingReportingOverflow(UInt64(scalars[end] - 48))
            overflows = overflows || tooLarge || stillTooLarge
            value = sum
            end += 1
        }
        guard end > position, !overflows else { return nil }
        position = end
        return Int(clamping: value)
    }

    /// Moves past comments, and past blanks under `(?x)`.
    mutating func skipBlanks() throws(PatternError) {
        while let scalar = peek {
            switch scalar {
            case "#" where flags.contains(.ignoresBlanks):
                while let next = peek {
                    position += 1
                    if next == "\n" { break }
                }
            case " ", "\r", "\n", "\t":
                guard flags.contains(.ignoresBlanks) else { return }
                position += 1
            case "(" where follows("(?#"):
                position += 3
                while let next = peek, next != ")" { position += next == "\\" ? 2 : 1 }
                guard position < scalars.count else { throw unclosed() }
                position += 1
            default: return
            }
        }
    }

    // MARK: Errors

    func syntax(_ message: String, at index: Int? = nil) -> PatternError {
        PatternError(code: .syntax, offset: byteOffset(index ?? position), message: message)
    }

    func unsupported(_ what: String, at index: Int? = nil) -> PatternError {
        PatternError(code: .unsupported, offset: byteOffset(index ?? position), message: "\(what) is not supported")
    }

    func unclosed() -> PatternError { syntax("a parenthesis is not closed; write \\( for a literal one") }

    private func byteOffset(_ index: Int) -> Int {
        scalars.prefix(index).reduce(0) { $0 + ($1 < 0x80 ? 1 : $1 < 0x800 ? 2 : $1 < 0x10000 ? 3 : 4) }
    }
}

/// What `(?imsxU)` switches.
struct PatternFlags: OptionSet, Sendable {
    let rawValue: UInt8

    static let ignoresCase = PatternFlags(rawValue: 1)
    static let multiline = PatternFlags(rawValue: 2)
    static let dotMatchesLineFeed = PatternFlags(rawValue: 4)
    static let swapsGreed = PatternFlags(rawValue: 8)
    static let ignoresBlanks = PatternFlags(rawValue: 16)
}
