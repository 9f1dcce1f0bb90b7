// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateWarehouse

/// The tables as this address has them: plain ones on a single server; in a cluster replicated ones, which end in
/// `_local`, with one over all shards before them.
struct ClickHouseTables: Sendable {
    /// The ledger, and which blocks were begun.
    static let blocks = "blocks"

    let address: ClickHouseAddress

    /// What is read from and inserted into.
    func name(_ table: String) -> String { "\(address.database).\(table)" }

    /// What has the rows on each server.
    func localName(_ table: String) -> String { name(address.cluster == nil ? table : table + "_local") }

    /// What a statement that changes tables says to reach all servers.
    var everywhere: String { address.cluster.map { " ON CLUSTER `\($0)`" } ?? "" }

    /// A system table of one replica of each shard.
    func system(_ table: String) -> String {
        address.cluster.map { "cluster(\(SQLText.literal($0)), system, \(table))" } ?? "system.\(table)"
    }

    /// A system table of every replica that is there; of servers that can ask them all.
    func systemEverywhere(_ table: String) -> String {
        address.cluster.map { "clusterAllReplicas(\(SQLText.literal($0)), system, \(table))" } ?? "system.\(table)"
    }

    /// The names that the server has the tables with rows under, as a list of literals.
    func localNames(_ tables: [String]) -> String {
        tables.map { SQLText.literal(address.cluster == nil ? $0 : $0 + "_local") }.joined(separator: ", ")
    }

    /// Every name that there must be.
    var allNames: [String] {
        let tables = WarehouseTable.allCases.map(\.rawValue) + [Self.blocks]
        return address.cluster == nil ? tables : tables + tables.map { $0 + "_local" }
    }

    /// The columns of `table`, those in front that say where a row came from included.
    func columns(of table: WarehouseTable, _ dialect: ClickHouseDialect) -> [ClickHouseColumn] {
        let block = ClickHouseColumn("block", dialect.type(of: .word), codec: dialect.codec(of: .word))
        return [ClickHouseColumn("day", "Date"), block] + table.columns.map(dialect.column)
    }

    /// What makes the database and all tables that are not there, in a cluster `like` those of other replicas, by the name of
    /// the table with rows: one that joins them is taken only with the same columns.
    func statements(_ dialect: ClickHouseDialect, like definitions: [String: String] = [:]) -> [String] {
        var statements = ["CREATE DATABASE IF NOT EXISTS \(address.database)\(everywhere)"]
        for table in WarehouseTable.allCases {
            let hasUser = table.columns.contains { $0.name == "user_id" }
            statements += self.statements(
                dialect,
                table.rawValue,
                columns(of: table, dialect),
                order: table.order,
                // A unit's rows are on one shard, so that what is there twice meets.
                shard: hasUser ? "cityHash64(environment, user_id)" : "cityHash64(environment, position)",
                like: definitions
            )
        }
        statements += self.statements(
            dialect,
            Self.blocks,
            Self.blockColumns,
            order: ["block", "part"],
            shard: "cityHash64(block)",
            like: definitions
        )
        return statements
    }

    /// A row for each entry of a block's ledger, numbered from 0, one for a block without entries, and one with the number
    /// -1 for a block that was begun.
    private static let blockColumns = [
        ("day", "Date"), ("block", "String"), ("part", "Int32"), ("entries", "Int32"), ("node", "String"),
        ("segment", "Int64"), ("environment", "String"), ("minute", "Int64"), ("batches", "Int64"),
        ("accepted", "Int64"), ("loaded", "Int64"), ("duplicate", "Int64"), ("dead", "Int64"), ("id_xor", "UInt64"),
        ("id_sum", "UInt64"),
    ].map { ClickHouseColumn($0, $1) }

    private func statements(
        _ dialect: ClickHouseDialect,
        _ table: String,
        _ columns: [ClickHouseColumn],
        order: [String],
        shard: String,
        like definitions: [String: String]
    ) -> [String] {
        let list = columns.map(\.definition).joined(separator: ", ")
        let rest = "PARTITION BY day ORDER BY (\(order.joined(separator: ", ")))\(dialect.tableSettings)"
        guard let cluster = address.cluster else {
            return ["CREATE TABLE IF NOT EXISTS \(name(table)) (\(list)) ENGINE = MergeTree \(rest)"]
        }
        let path = SQLText.literal("/clickhouse/tables/{shard}/\(address.database)/\(table)")
        let engine = "ENGINE = ReplicatedMergeTree(\(path), '{replica}')"
        let create = "CREATE TABLE IF NOT EXISTS \(localName(table))\(everywhere) "
        let distribution = "ENGINE = Distributed(`\(cluster)`, \(address.database), \(table)_local, \(shard))"
        return [
            create + (body(of: table, like: definitions, engine: engine) ?? "(\(list)) \(engine) \(rest)"),
            "CREATE TABLE IF NOT EXISTS \(name(table))\(everywhere) (\(list)) \(distribution)",
        ]
    }

    /// What another replica's definition says behind the table's name, if it would mean the same on every replica.
    private func body(of table: String, like definitions: [String: String], engine: String) -> Substring? {
        let start = "CREATE TABLE \(localName(table)) "
        guard let definition = definitions["\(table)_local"], definition.hasPrefix(start), definition.contains(engine)
        else { return nil }
        return definition.dropFirst(start.count)
    }
}
