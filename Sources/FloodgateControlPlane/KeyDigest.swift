// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateSHA256

/// The SHA-256 of a key, which is all that is kept of it.
///
/// Keys are random, so that nobody finds one from its hash and a fast hash will do. Looking a key up takes a time that
/// tells nothing about keys: only hashes are compared, whoever guesses cannot steer where the hash of a guess begins
/// to differ from a good one, and equality reads all of both nevertheless.
package struct KeyDigest: Sendable, Hashable {
    @usableFromInline let words: (UInt64, UInt64, UInt64, UInt64)

    /// The digest of a key as it came over the wire.
    package init(_ key: UnsafeRawBufferPointer) {
        words = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
            floodgate_sha256(
                key.baseAddress?.assumingMemoryBound(to: UInt8.self),
                key.count,
                digest.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
            return Self.words(UnsafeRawBufferPointer(digest))
        }
    }

    /// The digest of a key.
    package init(of key: String) {
        var key = key
        self = key.withUTF8 { KeyDigest(UnsafeRawBufferPointer($0)) }
    }

    /// Takes the 32 bytes of a digest; nil if they are not as many.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        words = bytes.withUnsafeBytes(Self.words)
    }

    private static func words(_ bytes: UnsafeRawBufferPointer) -> (UInt64, UInt64, UInt64, UInt64) {
        (
            bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
            bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
            bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
            bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
        )
    }

    /// The 32 bytes.
    package var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    /// A number for tables of keys.
    package var number: UInt64 { words.0 }

    @inlinable
    package static func == (left: KeyDigest, right: KeyDigest) -> Bool {
        (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1) | (left.words.2 ^ right.words.2)
            | (left.words.3 ^ right.words.3) == 0
    }

    @inlinable
    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
