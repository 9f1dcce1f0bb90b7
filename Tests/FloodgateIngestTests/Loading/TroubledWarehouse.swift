// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Synchronization

/// A warehouse in memory that fails as it is told to: before it commits, after it, by its rows, or at random.
final class TroubledWarehouse: Warehouse {
    struct State {
        var blocks: [String: EventBlock] = [:]
        /// Blocks in the order that they were asked to be loaded in.
        var asked: [String] = []
        /// Failures to come, one for each load; a load that is said to be committed is.
        var troubles: [(code: WarehouseError.Code, isCommitted: Bool)] = []
        /// Rows with this text in them are never taken.
        var poison: String?
        /// The share of loads that fail, half of them after they were committed.
        var failing = 0.0
        var random = SeededGenerator(seed: 0)
        /// Whether the ledger is asked of a replica that has heard of nothing yet.
        var isBehind = false
        var removed: (day: ArrivalDay, table: WarehouseTable)?
    }

    let engine = "memory"
    private let state = Mutex(State())

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
    var asked: [String] { state.withLock { $0.asked } }
    var blocks: [EventBlock] { state.withLock { Array($0.blocks.values) } }
    var removed: (day: ArrivalDay, table: WarehouseTable)? { state.withLock { $0.removed } }

    /// The rows of a table in all blocks.
    func rows(_ table: WarehouseTable) throws -> [JSONObject] {
        try blocks.flatMap { block in
            try (block.rows[table] ?? []).split(separator: 0x0A).compactMap {
                try JSONValue(parsing: Array($0)).objectValue
            }
        }
    }

    func prepare() async throws(WarehouseError) {}

    func load(_ block: EventBlock) async throws(WarehouseError) -> Bool {
        let result: Result<Bool, WarehouseError> = state.withLock { state in
            state.asked.append(block.id)
            var trouble = state.troubles.isEmpty ? nil : state.troubles.removeFirst()
            if trouble == nil, Double.random(in: 0..<1, using: &state.random) < state.failing {
                trouble = (Bool.random(using: &state.random) ? .unavailable : .full, Bool.random(using: &state.random))
            }
            if let trouble, !trouble.isCommitted { return .failure(WarehouseError(trouble.code, "trouble")) }
            let isKnown = state.blocks[block.id] != nil
            if let poison = state.poison, !isKnown {
                for (table, rows) in block.rows where table != .deadLetters {
                    if String(decoding: rows, as: UTF8.self).contains(poison) {
                        return .failure(WarehouseError(.rejected, "a row is refused"))
                    }
                }
            }
            if !isKnown { state.blocks[block.id] = block }
            if let trouble { return .failure(WarehouseError(trouble.code, "the answer is lost")) }
            return .success(!isKnown)
        }
        return try result.get()
    }

    func ledger(since start: Int64, node: String?) async throws(WarehouseError) -> [LedgerEntry] {
        if state.withLock({ $0.isBehind }) { return [] }
        return blocks.flatMap(\.ledger).filter { $0.minute >= start && (node == nil || $0.node == node) }
    }

    func query(_ sql: String, limits: QueryLimits) async throws(WarehouseError) -> [JSONObject] {
        do {
            return try rows(.deadLetters)
        } catch {
            throw WarehouseError(.failed, "\(error)")
        }
    }

    func relation(_ table: WarehouseTable) -> String { table.rawValue }

    func removeDays(before day: ArrivalDay, of table: WarehouseTable) async throws(WarehouseError) -> Int {
        state.withLock { $0.removed = (day, table) }
        return 1
    }

    func forget(_ userID: String, environment: String) async throws(WarehouseError) -> Int? { nil }
    func status() async throws(WarehouseError) -> WarehouseStatus { WarehouseStatus() }
    func shutdown() async {}
}
