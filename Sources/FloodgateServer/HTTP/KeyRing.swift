// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import Synchronization

/// All good keys of the project in memory, by their SHA-256, so that no request has to ask the store for one.
package final class KeyRing: Sendable {
    private struct State: Sendable {
        var keys: [KeyDigest: SDKKey] = [:]
        /// When the next key expires, in Unix milliseconds.
        var nextEnd = Int64.max

        init() {}

        init(_ all: [SDKKey], at now: Int64) {
            for key in all where key.isGood(at: now) {
                keys[key.digest] = key
                if let end = key.expiresTime { nextEnd = min(nextEnd, end) }
            }
        }
    }

    private let state = Mutex(State())
    /// Keys of this process, which no store knows.
    private let own = Mutex<[SDKKey]>([])
    private let generation = Atomic<Int>(0)

    /// Makes a ring without keys.
    package init() {}

    /// Puts those of `keys` that are good at `now`, in Unix milliseconds, in the place of all that were there.
    package func replace(with keys: [SDKKey], at now: Int64) {
        let own = own.withLock { $0 }
        state.withLock { $0 = State(keys + own, at: now) }
        generation.add(1, ordering: .releasing)
    }

    /// Keeps `key` beside those of the store as long as the process runs; `now` is in Unix milliseconds.
    func adopt(_ key: SDKKey, at now: Int64) {
        own.withLock { $0.append(key) }
        state.withLock { $0 = State(Array($0.keys.values) + [key], at: now) }
        generation.add(1, ordering: .releasing)
    }

    /// Drops the keys that have expired at `now`, in Unix milliseconds.
    package func dropExpired(at now: Int64) {
        let didExpire = state.withLock { state in
            guard state.nextEnd <= now else { return false }
            state = State(Array(state.keys.values), at: now)
            return true
        }
        if didExpire { generation.add(1, ordering: .releasing) }
    }

    /// Changes whenever the keys do.
    var version: Int { generation.load(ordering: .acquiring) }

    /// All keys that are good.
    var active: [KeyDigest: SDKKey] { state.withLock { $0.keys } }

    /// The key that reads `text`, if there is one that is good.
    package func activeKey(_ text: String) -> SDKKey? {
        let digest = KeyDigest(of: text)
        return state.withLock { $0.keys[digest] }
    }

    /// Whether the key with `digest` is good.
    func isActive(_ digest: KeyDigest) -> Bool { state.withLock { $0.keys[digest] != nil } }
}
