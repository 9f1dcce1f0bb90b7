// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import Synchronization

/// All keys of the project in memory, so that no request has to ask the store whether a key is good.
package final class KeyRing: Sendable {
    private let keys = Mutex<[String: SDKKey]>([:])

    /// Makes a ring without keys.
    package init() {}

    /// Puts `keys` in the place of all that were there.
    package func replace(with keys: [SDKKey]) {
        let byText = Dictionary(keys.map { ($0.key, $0) }) { first, _ in first }
        self.keys.withLock { $0 = byText }
    }

    /// The key that reads `text`, if there is one and it was not withdrawn.
    package func activeKey(_ text: String) -> SDKKey? {
        guard let key = keys.withLock({ $0[text] }), key.isActive else { return nil }
        return key
    }
}
