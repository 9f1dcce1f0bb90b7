// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
package import FloodgateWarehouse

// Why tables are compared and not numbered is in ADR 0024.

extension ClickHouseWarehouse {
    package func prepare() async throws(WarehouseError) {
        try await preparation.once { () async throws(WarehouseError) in try await self.prepareTables() }
    }

    private func prepareTables() async throws(WarehouseError) {
        let dialect = try await dialect()
        // First, so that a replica that joins is made like the others, and they like today's tables where they can be.
        if dialect == .current { await renewColumns() }
        try await makeTables(dialect)
        try await checkColumns(dialect)
    }

    // MARK: Columns

    /// A column that some server has.
    private struct FoundColumn {
        var table: String
        var name: String
        var type: String
        /// Empty for none.
        var codec: String
    }

    /// Gives the columns of earlier builds' tables the codecs of today's.
    ///
    /// Changes what the tables say, no file: parts get the codecs when they are merged. What does not work is tried again at
    /// the next start: nothing depends on it but room.
    private func renewColumns() async {
        var failure: WarehouseError?
        do throws(WarehouseError) {
            for attempt in 1...3 {
                let statements = alterations(of: try await foundColumns(everywhere: true), .current)
                if statements.isEmpty { return }
                // Somebody else who starts now may be about it, which servers let only one do at a time.
                if attempt > 1 { try? await Task.sleep(for: .seconds(1)) }
                for statement in statements {
                    // A cluster answers with an error, too, if a replica is away that will hear of it later.
                    do { try await change(statement) } catch { failure = error }
                }
            }
            if try await alterations(of: foundColumns(everywhere: true), .current).isEmpty { return }
        } catch {
            // A replica that does not answer, or refuses whoever asked, keeps nobody from loading.
            failure = failure ?? error
        }
        let reason = failure?.message ?? "it says nothing"
        warn("ClickHouse does not give the tables of an earlier build today's codecs; they work as they are: \(reason)")
    }

    /// A statement for each table with columns that an earlier build made.
    private func alterations(of found: [FoundColumn], _ dialect: ClickHouseDialect) -> [String] {
        WarehouseTable.allCases.compactMap { table in
            let name = tables.localName(table.rawValue)
            let changes = tables.columns(of: table, dialect).compactMap { column -> String? in
                let isOutdated = found.contains {
                    tables.name($0.table) == name && $0.name == column.name && column.isOutdated($0.codec)
                }
                guard let codec = column.codec, isOutdated else { return nil }
                return "MODIFY COLUMN \(column.name) \(codec)"
            }
            return changes.isEmpty
                ? nil : "ALTER TABLE \(name)\(tables.everywhere) \(changes.joined(separator: ", "))"
        }
    }

    /// Refuses tables into which rows would go as something else than they are.
    private func checkColumns(_ dialect: ClickHouseDialect) async throws(WarehouseError) {
        let found = try await foundColumns(everywhere: false, dialect)
        for table in WarehouseTable.allCases {
            let name = tables.localName(table.rawValue)
            for column in tables.columns(of: table, dialect) {
                let there = found.first { tables.name($0.table) == name && $0.name == column.name }
                if let there, column.isLaidOut(as: there.type) { continue }
                throw WarehouseError(
                    .failed,
                    "ClickHouse's table \(name) has \(there.map { "\($0.name) as \($0.type)" } ?? "no column \(column.name)"); "
                        + "give it the column \(column.name) \(column.type), or another database to Floodgate"
                )
            }
        }
    }

    /// The columns of the tables with rows: of this server, or of all replicas that are there.
    private func foundColumns(
        everywhere: Bool,
        _ dialect: ClickHouseDialect = .current
    ) async throws(WarehouseError) -> [FoundColumn] {
        let names = tables.localNames(WarehouseTable.allCases.map(\.rawValue))
        let found = try await rows(
            "SELECT table, name, type, \(dialect == .current ? "compression_codec" : "''") AS codec "
                + "FROM \(everywhere ? tables.systemEverywhere("columns") : "system.columns") "
                + "WHERE database = \(SQLText.literal(address.database)) AND table IN (\(names))",
            settings: everywhere ? Self.whoeverIsThere : []
        )
        return found.compactMap { row in
            guard let table = row.text("table"), let name = row.text("name"), let type = row.text("type"),
                let codec = row.text("codec")
            else { return nil }
            return FoundColumn(table: table, name: name, type: type, codec: codec)
        }
    }

    // MARK: Tables

    /// Makes what is not there, on every replica that is.
    private func makeTables(_ dialect: ClickHouseDialect) async throws(WarehouseError) {
        // Statements for the whole cluster wait for every replica: nothing that is not needed while one is away.
        if try await hasAllTables(), await !isAnyoneWithoutTables(dialect) { return }
        var failure: WarehouseError?
        for statement in tables.statements(dialect, like: await definitions(dialect)) {
            // Whoever did not answer the first is not waited for nine times.
            do { try await change(statement, waitingForAll: failure == nil ? 25 : 3) } catch {
                failure = failure ?? error
            }
        }
        guard let failure else { return }
        // A replica that is away hears of it later; one whose tables cannot be made keeps nobody else from loading.
        guard try await hasAllTables() else { throw failure }
        if await isAnyoneWithoutTables(dialect) {
            warn("A replica of ClickHouse has not all tables, and they cannot be made: \(failure.message)")
        }
    }

    private func hasAllTables() async throws(WarehouseError) -> Bool {
        let found = try await rows("SELECT count() AS n FROM system.tables WHERE \(isOurs(tables.allNames))")
        return found.first?["n"]?.integerValue == Int64(tables.allNames.count)
    }

    /// Whether a replica that is there lacks a table, as one that joined; false if that cannot be learned, as from servers of old.
    private func isAnyoneWithoutTables(_ dialect: ClickHouseDialect) async -> Bool {
        guard address.cluster != nil, dialect == .current else { return false }
        let settings = Self.whoeverIsThere
        guard
            let replicas = try? await rows(
                "SELECT 1 AS one FROM \(tables.systemEverywhere("one"))",
                settings: settings
            ),
            let found = try? await rows(
                "SELECT name FROM \(tables.systemEverywhere("tables")) WHERE \(isOurs(tables.allNames))",
                settings: settings
            )
        else { return false }
        return found.count < replicas.count * tables.allNames.count
    }

    /// How other replicas' tables were made, as they are now; none if that cannot be learned.
    private func definitions(_ dialect: ClickHouseDialect) async -> [String: String] {
        guard address.cluster != nil, dialect == .current else { return [:] }
        let names = tables.allNames.filter { $0.hasSuffix("_local") }
        let found = try? await rows(
            "SELECT name, create_table_query AS definition FROM \(tables.systemEverywhere("tables")) WHERE \(isOurs(names))",
            settings: Self.whoeverIsThere
        )
        let pairs = (found ?? []).compactMap { row in
            row.text("name").flatMap { name in row.text("definition").map { (name, $0) } }
        }
        return Dictionary(pairs) { first, _ in first }
    }

    private func isOurs(_ names: [String]) -> String {
        "database = \(SQLText.literal(address.database)) AND name IN (\(names.map(SQLText.literal).joined(separator: ", ")))"
    }

    /// Those who are away have nothing to say.
    private static let whoeverIsThere = [("skip_unavailable_shards", "1")]
}
