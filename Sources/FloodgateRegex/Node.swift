// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A pattern as a tree; its depth is bounded by the parser.
indirect enum Node: Sendable {
    /// Matches without consuming anything, and cannot be repeated.
    case empty
    /// One scalar out of a set.
    case set(ScalarSet)
    case assertion(Assertion)
    case sequence([Node])
    case alternation([Node])
    case capture(Int, Node)
    /// `maximum` is nil without an upper bound.
    case repetition(Node, minimum: Int, maximum: Int?, prefersMore: Bool)
    case look(Node, behind: Bool, negated: Bool)
    /// Matches as it would alone, and is not asked again if the rest then fails.
    case atomic(Node)
    case backreference(Int, ignoresCase: Bool)
    /// Whether the group has been entered in the match so far; consumes nothing.
    case groupTest(Int)
    /// `condition` is atomic; `otherwise` is tried only if it does not match.
    case conditional(Node, then: Node, otherwise: Node)
    /// `\K`, which moves where the reported match starts and so means nothing here.
    case keepOut

    var isEmpty: Bool {
        if case .empty = self { true } else { false }
    }

    /// Whether a quantifier may follow; the core refuses one where this is false.
    var isRepeatable: Bool {
        switch self {
        case .empty, .look, .keepOut, .groupTest: false
        case .assertion(let assertion): assertion != .searchStart
        default: true
        }
    }
}

/// What can be asked of a place between two scalars.
enum Assertion: Hashable, Sendable {
    case textStart, textEnd, lineStart, lineEnd
    case wordBoundary, notWordBoundary, wordStart, wordEnd, wordStartHalf, wordEndHalf
    /// `\G`: where the search started, which for us is the start of the text.
    case searchStart

    var asksForWords: Bool {
        switch self {
        case .wordBoundary, .notWordBoundary, .wordStart, .wordEnd, .wordStartHalf, .wordEndHalf: true
        case .textStart, .textEnd, .lineStart, .lineEnd, .searchStart: false
        }
    }

    /// Whether it holds between a scalar of one kind and a scalar of another.
    func holds(between before: ScalarKind, and after: ScalarKind) -> Bool {
        let (left, right) = (before.contains(.word), after.contains(.word))
        return switch self {
        case .textStart, .searchStart: before.contains(.edge)
        case .textEnd: after.contains(.edge)
        case .lineStart: !before.isDisjoint(with: [.edge, .lineFeed])
        case .lineEnd: !after.isDisjoint(with: [.edge, .lineFeed])
        case .wordBoundary: left != right
        case .notWordBoundary: left == right
        case .wordStart: !left && right
        case .wordEnd: left && !right
        case .wordStartHalf: !left
        case .wordEndHalf: !right
        }
    }
}

/// What an assertion needs to know of the scalar on one side.
struct ScalarKind: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    /// There is no scalar: the text ends here.
    static let edge = ScalarKind(rawValue: 1)
    static let lineFeed = ScalarKind(rawValue: 2)
    static let word = ScalarKind(rawValue: 4)
}
