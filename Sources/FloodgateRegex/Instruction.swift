// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// One step of a compiled pattern; unless it says otherwise, the next one follows it.
enum Instruction: Sendable, Hashable {
    /// Consumes one scalar of the set with this index.
    case consume(Int)
    /// Goes on at the first place and, if that fails, at the second.
    case split(Int, Int)
    case jump(Int)
    case assert(Assertion)
    /// Goes on if the block with this index finds a match here, or does not if `negated`.
    case look(Int, negated: Bool)
    /// Goes on where the block with this index ends.
    case atomic(Int)
    /// Goes on at `then` where the block with this index ends, or here at `otherwise` if it has no match.
    case conditional(Int, then: Int, otherwise: Int)
    /// The end of a block or of the pattern.
    case accept

    // These are for the searcher that goes back; others never see them.

    /// Stores the position in a register.
    case save(Int)
    case backreference(Int, ignoresCase: Bool)
    case groupTest(Int, otherwise: Int)
    /// Goes on at the place if nothing has been consumed since the position was stored.
    case skipIfStill(Int, Int)
    /// Stores how many choices there are to go back to.
    case mark(Int)
    /// Forgets the choices since the mark.
    case commit(Int)
    /// Forgets the choices since the mark, then fails.
    case abandon(Int)
    /// Goes back to the stored position.
    case rewind(Int)
    /// Steps back by a number of scalars.
    case stepBack(Int)
}

/// A part of a program that is run on its own, for its results to be looked up.
struct Block: Sendable, Hashable {
    enum Purpose: Sendable, Hashable {
        /// For each position, whether a match starts there.
        case lookAhead
        /// For each position, whether a match ends there.
        case lookBehind
        /// For each position, whether a match of this length ends there.
        case lookBack(Int)
        /// For each position, where the preferred match from there ends.
        case atomic
    }

    var purpose: Purpose
    var code: [Instruction]
}

/// A compiled pattern.
struct Program: Sendable {
    /// Inner blocks come before those that ask for them.
    var blocks: [Block] = []
    var code: [Instruction] = []
    var alphabet = Alphabet()
    /// Whether `code` goes back to earlier choices, since it refers to groups.
    var isBacktracking = false
    /// Whether some block is atomic.
    var hasAtomicBlocks = false
    var registerCount = 0
    /// Present if `code` compares parts of the text.
    var orbits: CaseOrbits?
}
