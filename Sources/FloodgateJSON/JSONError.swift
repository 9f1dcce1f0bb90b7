// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why a text is not the JSON that was asked for, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable: metrics and statuses hang on it.
    @nonexhaustive public enum Code: String, Sendable {
        /// The text breaks JSON's grammar (RFC 8259).
        case malformed
        /// The text ends inside a value.
        case truncated
        /// A text is not UTF-8, or escapes half of a surrogate pair.
        case invalidText
        /// A number is beyond what a 64-bit float holds.
        case numberOutOfRange
        /// Arrays and objects are nested deeper than allowed.
        case tooDeep
        /// The text is longer than allowed.
        case tooLarge
        /// An object names a member twice, where that is refused.
        case duplicateMember
    }

    /// What kind of mistake it is.
    public var code: Code
    /// How many bytes stand before the mistake.
    public var offset: Int
    /// What is wrong, for people.
    public var message: String

    /// The mistake with its place in one line.
    public var description: String { "\(message) (byte \(offset))" }
}

/// How much a reader of JSON takes.
public struct JSONLimits: Sendable {
    /// Arrays and objects inside each other, from 1 to 512; 128 by default, as Statsig's Rust core.
    public var depth: Int
    /// Bytes of the text; 64 MiB by default.
    public var sizeBytes: Int
    /// Refuses an object that names a member twice; by default the last one wins.
    public var refusesDuplicateMembers: Bool
    /// Ignores what follows the value, as Statsig's Rust core does with documents; by default it is an error.
    public var ignoresTrailingText: Bool
    /// Takes U+FFFD for each half of a surrogate pair that is escaped without the other; by default it is an error, as in
    /// Statsig's Rust core.
    ///
    /// JavaScript's `JSON.stringify` writes such halves where a text was cut in the middle of a character.
    public var replacesLoneSurrogates: Bool

    /// Makes limits; a depth outside 1…512 is taken as the nearest of the two.
    public init(
        depth: Int = 128,
        sizeBytes: Int = 64 << 20,
        refusesDuplicateMembers: Bool = false,
        ignoresTrailingText: Bool = false,
        replacesLoneSurrogates: Bool = false
    ) {
        self.depth = min(max(depth, 1), 512)
        self.sizeBytes = sizeBytes
        self.refusesDuplicateMembers = refusesDuplicateMembers
        self.ignoresTrailingText = ignoresTrailingText
        self.replacesLoneSurrogates = replacesLoneSurrogates
    }
}
