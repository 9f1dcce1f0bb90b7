// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Remembers for a while which exposures were logged, in bounded memory: the oldest half is forgotten when it is full.
///
/// For any number of threads: that an exposure is a repeated one, as most are, is found out without a lock.
package final class ExposureWindow: Sendable {
    /// How many keys are remembered at most.
    package static let maxKeys = 100_000

    private struct State {
        /// How many keys the young table holds.
        var count = 0
        /// All tables there ever were: a reader may still be on its way through one that has become too small.
        var tables: [ExposureTable]
    }

    private let state: Mutex<State>
    // Both are among `tables`.
    private let young: Atomic<Unmanaged<ExposureTable>>
    private let old: Atomic<Unmanaged<ExposureTable>>

    /// Remembers nothing yet.
    package init() {
        let tables = [ExposureTable(capacity: 64), ExposureTable(capacity: 1)]
        young = Atomic(.passUnretained(tables[0]))
        old = Atomic(.passUnretained(tables[1]))
        state = Mutex(State(tables: tables))
    }

    /// Whether the exposure is to be logged at `now`, in nanoseconds: not if it was, less than `window` ago.
    package func admits(_ key: ExposureKey, at now: Int64, window: Int64) -> Bool {
        if wasLogged(key, at: now, window: window) { return false }
        return state.withLock { state in
            // Another thread may have been faster.
            if wasLogged(key, at: now, window: window) { return false }
            if state.count >= Self.maxKeys / 2 { turnOver(&state) }
            let table = young.load(ordering: .relaxed).takeUnretainedValue()
            let roomy = (state.count + 1) * 2 > table.capacity ? enlarge(table, &state) : table
            if roomy.insert(key.hash, at: now) { state.count += 1 }
            return true
        }
    }

    @inline(__always)
    private func wasLogged(_ key: ExposureKey, at now: Int64, window: Int64) -> Bool {
        if let time = Self.time(of: key, in: young), now &- time < window { return true }
        if let time = Self.time(of: key, in: old), now &- time < window { return true }
        return false
    }

    @inline(__always)
    private static func time(of key: ExposureKey, in table: borrowing Atomic<Unmanaged<ExposureTable>>) -> Int64? {
        table.load(ordering: .acquiring)._withUnsafeGuaranteedRef { $0.time(of: key.hash) }
    }

    /// Forgets the old half, whose memory takes the next one.
    private func turnOver(_ state: inout State) {
        let full = young.load(ordering: .relaxed)
        let forgotten = old.load(ordering: .relaxed).takeUnretainedValue()
        state.count = 0
        old.store(full, ordering: .releasing)
        if forgotten.capacity == full.takeUnretainedValue().capacity {
            forgotten.removeAll()
            young.store(.passUnretained(forgotten), ordering: .releasing)
        } else {
            let next = ExposureTable(capacity: full.takeUnretainedValue().capacity)
            state.tables.append(next)
            young.store(.passUnretained(next), ordering: .releasing)
        }
    }

    private func enlarge(_ table: ExposureTable, _ state: inout State) -> ExposureTable {
        // In large steps, as the small ones are kept.
        let larger = ExposureTable(capacity: min(table.capacity * 8, ExposureTable.capacity(for: Self.maxKeys / 2)))
        larger.insert(contentsOf: table)
        state.tables.append(larger)
        young.store(.passUnretained(larger), ordering: .releasing)
        return larger
    }
}
