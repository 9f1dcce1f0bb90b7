// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Gives a class its meaning: ranges, POSIX names, classes in classes, and the operators `&&`, `--` and `~~`.
///
/// The operators bind alike, from left to right, and more loosely than standing side by side.
struct ClassParser {
    /// Classes that may stand in each other, as in the core.
    static let maximumDepth = 249

    let tokens: [ClassToken]
    /// Present if case is ignored.
    let orbits: CaseOrbits?
    private var position = 0

    init(tokens: [ClassToken], orbits: CaseOrbits?) {
        self.tokens = tokens
        self.orbits = orbits
    }

    /// The set, or nil if the text is not a class from its first through its last token.
    mutating func parse() -> ScalarSet? {
        guard let set = bracketed(depth: 1), position == tokens.count else { return nil }
        return set
    }

    private enum Operator {
        case intersection, difference, symmetricDifference
    }

    private mutating func bracketed(depth: Int) -> ScalarSet? {
        guard depth <= Self.maximumDepth else { return nil }
        position += 1
        let negated = raw(0) == "^"
        if negated { position += 1 }
        var items: [ClosedRange<UInt32>] = []
        while raw(0) == "-" {
            items.append(0x2D...0x2D)
            position += 1
        }
        if items.isEmpty, raw(0) == "]" {
            items.append(0x5D...0x5D)
            position += 1
        }
        var left: (ScalarSet, Operator)?
        while position < tokens.count {
            if case .open = tokens[position] {
                if let set = posixClass() {
                    items += set.ranges
                } else {
                    guard let set = bracketed(depth: depth + 1) else { return nil }
                    items += set.ranges
                }
                continue
            }
            if raw(0) == "]" {
                position += 1
                let set = folded(combined(left, ScalarSet(joining: items)))
                return negated ? set.inverted() : set
            }
            if let next = binaryOperator() {
                left = (combined(left, ScalarSet(joining: items)), next)
                items = []
                position += 2
                continue
            }
            guard let ranges = range() else { return nil }
            items += ranges
        }
        return nil
    }

    private func binaryOperator() -> Operator? {
        guard let first = raw(0), first == raw(1) else { return nil }
        return switch first {
        case "&": .intersection
        case "-": .difference
        case "~": .symmetricDifference
        default: nil
        }
    }

    private func combined(_ left: (ScalarSet, Operator)?, _ right: ScalarSet) -> ScalarSet {
        guard let (left, kind) = left else { return right }
        let (first, second) = (folded(left), folded(right))
        return switch kind {
        case .intersection: first.intersection(second)
        case .difference: first.subtracting(second)
        case .symmetricDifference: first.symmetricDifference(second)
        }
    }

    private func folded(_ set: ScalarSet) -> ScalarSet { orbits?.closure(of: set) ?? set }

    /// A scalar, a range or a set.
    private mutating func range() -> [ClosedRange<UInt32>]? {
        let first = tokens[position]
        position += 1
        guard raw(0) == "-", raw(1) != "]", raw(1) != "-", position + 1 < tokens.count else {
            if case .set(let set) = first { return set.ranges }
            return scalar(of: first).map { [$0...$0] }
        }
        let last = tokens[position + 1]
        position += 2
        guard let lower = scalar(of: first), let upper = scalar(of: last), lower <= upper else { return nil }
        return [lower...upper]
    }

    private func scalar(of token: ClassToken) -> UInt32? {
        switch token {
        case .open: 0x5B
        case .raw(let scalar), .literal(let scalar): scalar
        case .set: nil
        }
    }

    /// The scalar some tokens ahead if it may be an operator.
    private func raw(_ offset: Int) -> Unicode.Scalar? {
        guard position + offset < tokens.count, case .raw(let scalar) = tokens[position + offset] else { return nil }
        return Unicode.Scalar(scalar)
    }

    // MARK: POSIX classes

    private mutating func posixClass() -> ScalarSet? {
        let start = position
        position += 1
        guard raw(0) == ":" else { return give(up: start) }
        position += 1
        let negated = raw(0) == "^"
        if negated { position += 1 }
        var name = String.UnicodeScalarView()
        while position < tokens.count, name.count <= 6, raw(0) != ":" {
            guard let scalar = scalar(of: tokens[position]).flatMap(Unicode.Scalar.init) else { return give(up: start) }
            name.append(scalar)
            position += 1
        }
        guard raw(0) == ":", raw(1) == "]", let ranges = Self.posixRanges(String(name)) else { return give(up: start) }
        position += 2
        let set = folded(ScalarSet(joining: ranges))
        return negated ? set.inverted() : set
    }

    private mutating func give(up start: Int) -> ScalarSet? {
        position = start
        return nil
    }

    private static func posixRanges(_ name: String) -> [ClosedRange<UInt32>]? {
        switch name {
        case "alnum": [48...57, 65...90, 97...122]
        case "alpha": [65...90, 97...122]
        case "ascii": [0...127]
        case "blank": [9...9, 32...32]
        case "cntrl": [0...31, 127...127]
        case "digit": [48...57]
        case "graph": [33...126]
        case "lower": [97...122]
        case "print": [32...126]
        case "punct": [33...47, 58...64, 91...96, 123...126]
        case "space": [9...13, 32...32]
        case "upper": [65...90]
        case "word": [48...57, 65...90, 95...95, 97...122]
        case "xdigit": [48...57, 65...70, 97...102]
        default: nil
        }
    }
}
