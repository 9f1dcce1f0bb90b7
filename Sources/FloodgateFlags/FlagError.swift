// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why a flag has no value of its own, so that the caller's default is served.
public struct FlagError: Error, Hashable, Sendable, CustomStringConvertible {
    /// OpenFeature's error codes, in its spelling; stable.
    @nonexhaustive public enum Code: String, Sendable, CaseIterable {
        /// There are no specs to answer from yet.
        case providerNotReady = "PROVIDER_NOT_READY"
        /// No gate, config, experiment, layer or parameter has the key.
        case flagNotFound = "FLAG_NOT_FOUND"
        /// The spec asks for something that this evaluator does not know.
        case parseError = "PARSE_ERROR"
        /// The flag has a value of another type than was asked for.
        case typeMismatch = "TYPE_MISMATCH"
        /// The flag cannot do without a targeting key; for other providers, since Floodgate can.
        case targetingKeyMissing = "TARGETING_KEY_MISSING"
        /// An attribute of the context cannot be what its name says.
        case invalidContext = "INVALID_CONTEXT"
        /// Anything else.
        case general = "GENERAL"
    }

    /// What kind of error it is.
    public var code: Code
    /// What was found, for people; holds nothing about the user.
    public var message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The error in one line.
    public var description: String { code.rawValue + ": " + message }
}
