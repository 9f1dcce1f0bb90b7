// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why a pattern cannot be compiled, and where in it.
public struct PatternError: Error, Hashable, Sendable {
    /// Stable: statuses and metrics hang on it.
    @nonexhaustive public enum Code: String, Sendable {
        /// The pattern is not written in the syntax that the core accepts.
        case syntax
        /// The syntax is known, but neither the core nor this matcher carries it out.
        case unsupported
        /// The pattern is valid but larger or deeper than the limits allow.
        case tooLarge
    }

    /// What kind of mistake it is.
    public var code: Code
    /// Bytes of UTF-8 in front of the mistake.
    public var offset: Int
    /// What is wrong and what to write instead, for the pattern's author.
    public var message: String

    /// Creates an error at a byte offset in the pattern.
    public init(code: Code, offset: Int, message: String) {
        self.code = code
        self.offset = offset
        self.message = message
    }
}
