// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import CFloodgateSHA256
package import FloodgateControlPlane
import Synchronization

/// All keys of the project in memory, so that no request has to ask the store whether a key is good.
///
/// Keys are looked up by their SHA-256, and digests are compared in a time that does not depend on where they differ.
package final class KeyRing: Sendable {
    private struct State: Sendable {
        var keys: [KeyDigest: SDKKey] = [:]
    }

    private let state = Mutex(State())
    private let generation = Atomic<Int>(0)

    /// Makes a ring without keys.
    package init() {}

    /// Puts `keys` in the place of all that were there.
    package func replace(with keys: [SDKKey]) {
        let active = keys.filter(\.isActive)
        let byDigest = Dictionary(active.map { (KeyDigest(of: $0.key), $0) }) { first, _ in first }
        state.withLock { $0.keys = byDigest }
        generation.add(1, ordering: .releasing)
    }

    /// Changes whenever the keys do.
    var version: Int { generation.load(ordering: .acquiring) }

    /// All keys that are good.
    var active: [KeyDigest: SDKKey] { state.withLock { $0.keys } }

    /// The key that reads `text`, if there is one and it was not withdrawn.
    package func activeKey(_ text: String) -> SDKKey? {
        let digest = KeyDigest(of: text)
        return state.withLock { $0.keys[digest] }
    }
}

/// The SHA-256 of a key.
struct KeyDigest: Sendable, Hashable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(_ bytes: UnsafeRawBufferPointer) {
        words = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
            floodgate_sha256(
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                bytes.count,
                digest.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
            return (
                digest.load(fromByteOffset: 0, as: UInt64.self), digest.load(fromByteOffset: 8, as: UInt64.self),
                digest.load(fromByteOffset: 16, as: UInt64.self), digest.load(fromByteOffset: 24, as: UInt64.self)
            )
        }
    }

    init(of text: String) {
        var text = text
        self = text.withUTF8 { KeyDigest(UnsafeRawBufferPointer($0)) }
    }

    static func == (left: KeyDigest, right: KeyDigest) -> Bool {
        (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1) | (left.words.2 ^ right.words.2)
            | (left.words.3 ^ right.words.3) == 0
    }

    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    /// A number for tables of keys.
    var number: UInt64 { words.0 }
}
