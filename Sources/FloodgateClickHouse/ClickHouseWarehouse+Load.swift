// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
package import FloodgateWarehouse
import NIOCore

// Why this counts every block once is in README.md.

extension ClickHouseWarehouse {
    /// What the warehouse knows of a block.
    private enum Standing {
        case unknown
        /// Some load of it was begun, and nobody knows how far it came.
        case begun
        case loaded
    }

    package func load(_ block: EventBlock) async throws(WarehouseError) -> Bool {
        // Until 2105: what 18.16 reads as a date.
        guard (0...49_709).contains(block.day.number) else {
            throw WarehouseError(.rejected, "A block of \(block.day.text) is outside 1970 to 2105, ClickHouse's dates")
        }
        let dialect = try await dialect()
        let standing = try await standing(of: block.id)
        if standing == .loaded { return false }
        if standing == .unknown {
            try await insert(into: ClickHouseTables.blocks, of: block, Self.beginning(block), rows: 1, dialect)
        }
        for table in WarehouseTable.allCases {
            guard let rows = block.rows[table], let count = block.counts[table], count > 0 else { continue }
            do throws(WarehouseError) {
                try await insert(rows, count, into: table, of: block, isInDoubt: standing == .begun, dialect)
            } catch {
                if error.code == .rejected { try await removeRows(of: block) }
                throw error
            }
        }
        let entries = Self.entries(of: block)
        try await insert(into: ClickHouseTables.blocks, of: block, entries.rows, rows: entries.count, dialect)
        return true
    }

    package func ledger(since start: Int64, node: String?) async throws(WarehouseError) -> [LedgerEntry] {
        // A day earlier, since a block's day is the day of its minutes but nobody promises it.
        let day = ArrivalDay(number: max(0, ArrivalDay(of: start).number - 1))
        let condition = node.map { " AND node = \(SQLText.literal($0))" } ?? ""
        let found = try await rows(
            "SELECT DISTINCT block, part, node, segment, environment, minute, batches, accepted, loaded, duplicate, dead, "
                + "id_xor, id_sum FROM \(tables.name(ClickHouseTables.blocks)) WHERE part >= 0 AND entries > 0 "
                + "AND day >= toDate(\(day.number)) AND minute >= \(start)\(condition)"
        )
        var entries: [LedgerEntry] = []
        for row in found { entries.append(try Self.entry(row)) }
        return entries
    }

    // MARK: Steps

    private func standing(of block: String) async throws(WarehouseError) -> Standing {
        let found = try await rows(
            "SELECT count() AS n, uniqExactIf(part, part >= 0) AS found, max(entries) AS entries "
                + "FROM \(tables.name(ClickHouseTables.blocks)) WHERE block = \(SQLText.literal(block))"
        )
        guard let row = found.first, let count = row["n"]?.integerValue, let found = row["found"]?.integerValue,
            let entries = row["entries"]?.integerValue
        else { throw WarehouseError(.failed, "ClickHouse does not count the rows of \(ClickHouseTables.blocks)") }
        if count == 0 { return .unknown }
        return found > 0 && found >= entries ? .loaded : .begun
    }

    /// Inserts what is not there yet.
    private func insert(
        _ rows: [UInt8],
        _ count: Int,
        into table: WarehouseTable,
        of block: EventBlock,
        isInDoubt: Bool,
        _ dialect: ClickHouseDialect
    ) async throws(WarehouseError) {
        if isInDoubt, try await isComplete(table, of: block, count) { return }
        let data =
            switch block.form {
            case .lines: BlockRows.marked(rows, day: block.day, block: block.id)
            case .packed: BlockRows.marked(packed: rows, of: table, day: block.day, block: block.id)
            }
        // Binary rows have no names: without these a column that somebody added would take another's values.
        let names = ["day", "block"] + table.columns.map(\.name)
        let format =
            block.form == .packed ? "(\(names.joined(separator: ", "))) FORMAT RowBinary" : "FORMAT JSONEachRow"
        try await insert(into: table.rawValue, of: block, data, rows: count, dialect, format: format)
        // Replicated tables leave out what they have seen lately, even if it was removed since.
        if isInDoubt, address.cluster != nil, try await !isComplete(table, of: block, count) {
            let settings = ["insert_deduplicate": "0"]
            try await insert(into: table.rawValue, of: block, data, rows: count, dialect, format: format, settings)
        }
    }

    private func isComplete(
        _ table: WarehouseTable,
        of block: EventBlock,
        _ count: Int
    ) async throws(WarehouseError) -> Bool {
        let found = try await rows(
            "SELECT uniqExact(environment, id) AS n FROM \(tables.name(table.rawValue)) WHERE \(Self.condition(block))"
        )
        return (found.first?["n"]?.integerValue ?? 0) >= Int64(count)
    }

    private func insert(
        into table: String,
        of block: EventBlock,
        _ data: ByteBuffer,
        rows: Int,
        _ dialect: ClickHouseDialect,
        format: String = "FORMAT JSONEachRow",
        _ more: [String: String] = [:]
    ) async throws(WarehouseError) {
        var settings = dialect.insertSettings(rows: rows) + more.map { ($0.key, $0.value) }
        // The server refuses to run the same twice at a time, so that who did not wait for the end comes again later.
        settings.append(("query_id", "floodgate-\(address.database)-\(table)-\(block.id)"))
        if address.cluster != nil {
            settings.append(("insert_distributed_sync", "1"))
            if address.quorum > 0 {
                settings.append(("insert_quorum", String(address.quorum)))
                settings.append(("insert_quorum_timeout", String(patience.insert.components.seconds * 500)))
            }
        }
        let request = ClickHouseClient.Request(
            sql: "INSERT INTO \(tables.name(table)) \(format)",
            data: data,
            settings: settings,
            user: address.user,
            work: .insert,
            time: patience.insert
        )
        _ = try await client.send(request)
    }

    /// Leaves nothing of a block that the engine will never take.
    private func removeRows(of block: EventBlock) async throws(WarehouseError) {
        for table in WarehouseTable.allCases { _ = try await remove(from: table, where: Self.condition(block)) }
    }

    private static func condition(_ block: EventBlock) -> String {
        "day = toDate(\(block.day.number)) AND block = \(SQLText.literal(block.id))"
    }

    // MARK: The ledger's rows

    private static func beginning(_ block: EventBlock) -> ByteBuffer {
        row(
            block,
            part: -1,
            entries: -1,
            LedgerEntry(block: block.id, node: "", segment: 0, environment: "", minute: 0)
        )
    }

    private static func entries(of block: EventBlock) -> (rows: ByteBuffer, count: Int) {
        if block.ledger.isEmpty {
            let nothing = LedgerEntry(block: block.id, node: "", segment: 0, environment: "", minute: 0)
            return (row(block, part: 0, entries: 0, nothing), 1)
        }
        var data = ByteBuffer()
        for (part, entry) in block.ledger.enumerated() {
            data.writeImmutableBuffer(row(block, part: part, entries: block.ledger.count, entry))
        }
        return (data, block.ledger.count)
    }

    private static func row(_ block: EventBlock, part: Int, entries: Int, _ entry: LedgerEntry) -> ByteBuffer {
        let sums = entry.sums
        let object: JSONObject = [
            "day": .string(block.day.text), "block": .string(block.id), "part": .integer(part),
            "entries": .integer(entries), "node": .string(entry.node), "segment": .integer(entry.segment),
            "environment": .string(entry.environment), "minute": .integer(entry.minute),
            "batches": .integer(sums.batches), "accepted": .integer(sums.accepted), "loaded": .integer(sums.loaded),
            "duplicate": .integer(sums.duplicate), "dead": .integer(sums.dead), "id_xor": unsigned(sums.idXor),
            "id_sum": unsigned(sums.idSum),
        ]
        return ByteBuffer(bytes: JSONValue.object(object).bytes + [0x0A])
    }

    private static func unsigned(_ value: UInt64) -> JSONValue {
        .number(Int64(exactly: value).map(JSONNumber.integer) ?? .unsigned(value))
    }

    private static func entry(_ row: JSONObject) throws(WarehouseError) -> LedgerEntry {
        func integer(_ name: String) throws(WarehouseError) -> Int64 {
            guard let value = row[name]?.integerValue else {
                throw WarehouseError(.failed, "ClickHouse's table of blocks has no number in \(name)")
            }
            return value
        }
        func bits(_ name: String) throws(WarehouseError) -> UInt64 {
            if case .number(.unsigned(let value)) = row[name] { return value }
            return UInt64(bitPattern: try integer(name))
        }
        guard let block = row.text("block"), let node = row.text("node"), let environment = row.text("environment")
        else {
            throw WarehouseError(.failed, "ClickHouse's table of blocks has no text where names belong")
        }
        var sums = LedgerSums()
        sums.batches = try integer("batches")
        sums.accepted = try integer("accepted")
        sums.loaded = try integer("loaded")
        sums.duplicate = try integer("duplicate")
        sums.dead = try integer("dead")
        sums.idXor = try bits("id_xor")
        sums.idSum = try bits("id_sum")
        return LedgerEntry(
            block: block,
            node: node,
            segment: try integer("segment"),
            environment: environment,
            minute: try integer("minute"),
            sums: sums
        )
    }
}
