// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Remembers for a while which exposures were logged, in bounded memory: the oldest half is forgotten when it is full.
package struct ExposureWindow: Sendable {
    /// How many keys are remembered at most.
    package static let maxKeys = 100_000

    private var young = Table()
    private var old = Table()

    /// Remembers nothing yet.
    package init() {}

    /// Whether the exposure is to be logged at `now`, in nanoseconds: not if it was, less than `window` ago.
    package mutating func admits(_ key: ExposureKey, at now: Int64, window: Int64) -> Bool {
        if let time = young[key.hash] ?? old[key.hash], now &- time < window { return false }
        if young.count >= Self.maxKeys / 2 {
            old = young
            young = Table()
        }
        young.insert(key.hash, at: now)
        return true
    }

    /// An open-addressing table of hashes, at most half full.
    private struct Table: Sendable {
        private(set) var count = 0
        // Key and time side by side, so that a look-up touches one cache line.
        private var entries: [(key: UInt64, time: Int64)] = Array(repeating: (0, 0), count: 64)

        subscript(key: UInt64) -> Int64? {
            let entry = entries[place(of: key)]
            return entry.key == key ? entry.time : nil
        }

        mutating func insert(_ key: UInt64, at time: Int64) {
            if count * 2 >= entries.count { grow() }
            let place = place(of: key)
            if entries[place].key != key { count += 1 }
            entries[place] = (key, time)
        }

        private func place(of key: UInt64) -> Int {
            let mask = entries.count - 1
            var place = Int(truncatingIfNeeded: key) & mask
            while entries[place].key != 0, entries[place].key != key { place = (place + 1) & mask }
            return place
        }

        private mutating func grow() {
            var larger = Table()
            larger.entries = Array(repeating: (0, 0), count: entries.count * 2)
            for entry in entries where entry.key != 0 { larger.insert(entry.key, at: entry.time) }
            self = larger
        }
    }
}
