// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Answers for users: a ruleset together with what surrounds it; a value that any thread may copy and use.
public struct Evaluator: Sendable {
    /// The compiled document; nil answers everything with the source as reason.
    public let ruleset: Ruleset?
    /// Where the ruleset came from, or why there is none.
    public let source: SpecSource
    /// What an evaluation sees besides.
    public let surroundings: Surroundings

    /// Makes an evaluator over `ruleset`.
    public init(_ ruleset: Ruleset?, from source: SpecSource, surroundings: Surroundings) {
        self.ruleset = ruleset
        self.source = source
        self.surroundings = surroundings
    }
}
