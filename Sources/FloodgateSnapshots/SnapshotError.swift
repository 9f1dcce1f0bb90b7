// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why a snapshot is not taken; the last good one stays.
public struct SnapshotError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of fault, as metrics name it.
    public enum Reason: String, Sendable, CaseIterable {
        /// There is no signature where one is required.
        case unsigned
        /// The manifest does not read.
        case manifest
        /// The set of keys does not read, or the root key did not sign it.
        case keySet = "key_set"
        /// The set of keys is older than one that was seen.
        case oldKeySet = "old_key_set"
        /// The set has no such key, or it was not valid then.
        case unknownKey = "unknown_key"
        /// The key was revoked.
        case revokedKey = "revoked_key"
        /// The signature is not the key's.
        case signature
        /// It is of another project or environment.
        case foreign
        /// It is older than what is held.
        case older
        /// It has the position of what is held, and is something else.
        case fork
        /// It has not the length that it should have, or is longer than any may be.
        case length
        /// It is not what was signed.
        case hash
        /// It needs a newer reader.
        case newerFormat = "newer_format"
        /// It does not read as a document, or has too much in it.
        case document
    }

    /// The kind of fault.
    public let reason: Reason
    /// What was found.
    public let message: String

    /// An error.
    public init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// Reason and message.
    public var description: String { "The snapshot is refused (\(reason.rawValue)): \(message)" }
}
