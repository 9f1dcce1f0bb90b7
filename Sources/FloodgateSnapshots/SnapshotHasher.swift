// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Crypto

/// SHA-256 of bytes that come one after the other; a copy goes on from where the original stands.
public struct SnapshotHasher: Sendable {
    private var state = SHA256()

    /// A hasher of nothing yet.
    public init() {}

    /// Takes in more bytes.
    public mutating func append(_ bytes: some Sequence<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ state.update(bufferPointer: UnsafeRawBufferPointer($0)) }) == nil {
            state.update(data: Array(bytes))
        }
    }

    /// The hash of all that was taken in.
    public var hash: SnapshotHash { SnapshotHash(digest: state.finalize()) }
}

extension SnapshotHash {
    fileprivate init(digest: SHA256Digest) { self.init(bytes: Array(digest)) }
}
