// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
package import FloodgateWarehouse

extension ClickHouseWarehouse {
    package func removeDays(before day: ArrivalDay, of table: WarehouseTable) async throws(WarehouseError) -> Int {
        let found = try await rows(
            "SELECT DISTINCT partition FROM \(tables.system("parts")) WHERE active = 1 "
                + "AND database = \(SQLText.literal(address.database)) AND table IN (\(tables.localNames([table.rawValue]))) "
                + "AND toUInt16(toDate(partition)) < \(max(0, day.number)) ORDER BY partition"
        )
        let partitions = found.compactMap { $0.text("partition") }
        for partition in partitions {
            try await change(
                "ALTER TABLE \(tables.localName(table.rawValue))\(tables.everywhere) "
                    + "DROP PARTITION \(SQLText.literal(partition))"
            )
        }
        return partitions.count
    }

    package func forget(_ userID: String, environment: String) async throws(WarehouseError) -> Int? {
        // Nobody's ID: rows without a user are about no unit.
        if userID.isEmpty { return 0 }
        let quoted = JSONValue.string(userID).text
        let id = SQLText.literal(String(quoted.dropFirst().dropLast()))
        let pattern = SQLText.literal(Self.customID)
        let condition =
            "environment = \(SQLText.literal(environment)) AND (user_id = \(SQLText.literal(userID)) "
            + "OR position(custom_ids, \(id)) > 0 AND has(extractAll(custom_ids, \(pattern)), \(id)))"
        var removed = 0
        for table in WarehouseTable.allCases where table.columns.contains(where: { $0.name == "user_id" }) {
            removed += try await remove(from: table, where: condition)
        }
        return removed
    }

    /// One member of an object of texts, from its name to its value, which is the group.
    private static let customID = #""(?:[^"\\]|\\.)*":"((?:[^"\\]|\\.)*)""#

    /// Removes rows and waits until they are gone.
    /// - Returns: How many there were.
    func remove(from table: WarehouseTable, where condition: String) async throws(WarehouseError) -> Int {
        let found = try await rows(
            "SELECT count() AS n FROM \(tables.name(table.rawValue)) WHERE \(condition)"
        )
        let count = Int(clamping: found.first?["n"]?.integerValue ?? 0)
        if count == 0 { return 0 }
        try await change(
            "ALTER TABLE \(tables.localName(table.rawValue))\(tables.everywhere) DELETE WHERE \(condition)"
        )
        let deadline = ContinuousClock.now + patience.removal
        repeat {
            let open = try await rows(
                "SELECT count() AS n FROM \(tables.system("mutations")) WHERE is_done = 0 "
                    + "AND database = \(SQLText.literal(address.database)) "
                    + "AND table IN (\(tables.localNames([table.rawValue])))"
            )
            if open.first?["n"]?.integerValue == 0 { return count }
            do { try await Task.sleep(for: .milliseconds(100)) } catch { break }
        } while ContinuousClock.now < deadline
        throw WarehouseError(.unavailable, "ClickHouse still removes rows of \(table.rawValue); it goes on by itself")
    }
}
