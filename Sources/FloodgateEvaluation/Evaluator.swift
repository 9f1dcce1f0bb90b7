// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateSpecs

/// Answers for users: a ruleset together with what surrounds it; immutable, for any number of threads.
///
/// An object of its own rather than a value, so that a thread that has its own one counts no reference that others count.
public final class Evaluator: Sendable {
    /// The compiled document; without one, an empty one, so that checks need not look.
    let compiled: Ruleset
    let hasSpecs: Bool
    /// Whether local overrides have to be looked at.
    let isOverridden: Bool
    /// Where the ruleset came from, or why there is none.
    public let source: SpecSource
    /// What an evaluation sees besides.
    public let surroundings: Surroundings

    /// Makes an evaluator over `ruleset`.
    public init(_ ruleset: Ruleset?, from source: SpecSource, surroundings: Surroundings) {
        compiled = ruleset ?? Self.empty
        hasSpecs = ruleset != nil
        isOverridden = surroundings.overrides != nil
        self.source = source
        self.surroundings = surroundings
    }

    /// The compiled document; nil answers everything with the source as reason.
    public var ruleset: Ruleset? { hasSpecs ? compiled : nil }

    /// Stands in where there are no specs yet.
    static let empty = Ruleset(RulesetCompiler(), receivedAt: 0)
}
