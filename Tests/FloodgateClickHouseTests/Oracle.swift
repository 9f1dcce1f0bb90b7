// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Testing

/// Makes blocks and keeps, in plain dictionaries, what a warehouse must say about them.
struct Oracle {
    private var counts: [WarehouseTable: [String: Int]] = [:]
    private var seen: [WarehouseTable: Set<Int>] = [:]
    private var ledger: Set<LedgerEntry> = []

    /// A block that is the same for the same number and seed; a tenth of its events is in the block before as well.
    mutating func block(_ number: Int, seed: UInt64, rows: Int = 300) -> EventBlock {
        var random = SeededGenerator(seed: seed &+ UInt64(number))
        let received = SampleBlock.arrival + Int64(number) * 60_000
        var block = SampleBlock.make("n1-\(number)", tables: [:], receivedAfter: Int64(number) * 60_000)
        for table in WarehouseTable.allCases {
            let count = table == .deadLetters ? rows / 20 : Int.random(in: rows / 2...rows, using: &random)
            let first = number * rows - rows / 10
            block.set(table, (first..<first + count).map { Self.row(table, $0, received) })
            for index in first..<first + count where seen[table, default: []].insert(index).inserted {
                counts[table, default: [:]][Self.name(index), default: 0] += 1
            }
        }
        block.ledger[0].sums.accepted = Int64(block.counts.values.reduce(0, +))
        ledger.formUnion(block.ledger)
        return block
    }

    private static func name(_ index: Int) -> String { "name \(((index % 7) + 7) % 7)" }

    private static func row(_ table: WarehouseTable, _ index: Int, _ received: Int64) -> JSONObject {
        var row: JSONObject = ["received_at": .integer(received)]
        if table == .deadLetters {
            row["reason"] = .string(name(index))
        } else {
            row["name"] = .string(name(index))
            row["user_id"] = .string("user \(index % 50)")
            row["time"] = .integer(SampleBlock.arrival + Int64(index))
        }
        return SampleBlock.row(table, index, row)
    }

    /// Compares every count, and the ledger.
    func compare(with warehouse: some Warehouse) async throws {
        #expect(try await differences(from: warehouse).isEmpty)
    }

    /// Compares as soon as they are equal, or after a minute: replicas follow by and by.
    func compareSettled(with warehouse: some Warehouse) async throws {
        _ = await eventually { (try? await differences(from: warehouse).isEmpty) == true }
        try await compare(with: warehouse)
    }

    /// What the warehouse says otherwise.
    private func differences(from warehouse: some Warehouse) async throws -> [String] {
        var differences: [String] = []
        for table in WarehouseTable.allCases {
            let column = table == .deadLetters ? "reason" : "name"
            let found = try await warehouse.query(
                "SELECT \(column) AS word, count(*) AS n FROM \(warehouse.relation(table)) GROUP BY word",
                limits: QueryLimits()
            )
            var said: [String: Int] = [:]
            for row in found { said[row.text("word") ?? ""] = row["n"]?.integerValue.map { Int($0) } }
            let wanted = counts[table, default: [:]]
            if said != wanted { differences.append("\(table.rawValue): \(said), not \(wanted)") }
        }
        let found = try await warehouse.ledger(since: 0, node: nil)
        if Set(found) != ledger || found.count != ledger.count {
            let missing = ledger.subtracting(found).map(\.block)
            differences.append("ledger: \(found.count) entries of \(ledger.count); \(missing) are missing")
        }
        return differences
    }
}
