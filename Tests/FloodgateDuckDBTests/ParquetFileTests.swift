// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Testing

extension DuckDBTests {
    /// The files that are made of packed rows, as DuckDB reads them.
    @Suite("Parquet files") struct ParquetFileTests {
        let folder = DuckDBTestFolder()

        private static let integers: [Int64] = [0, 1, -1, .max, .min, 1 << 31, -1 << 31, 1_750_000_020_000]
        private static let numbers: [JSONValue] = [
            .null, 0, -1, 1e300, -1e-300, .number(.double(.leastNonzeroMagnitude)),
            .number(.double(.greatestFiniteMagnitude)),
        ]

        /// A value of the column: rare ones, few ones, and such that differ from row to row.
        private static func value(_ column: WarehouseTable.Column, _ random: inout SeededGenerator) -> JSONValue? {
            let isOdd = Int.random(in: 0..<12, using: &random) == 0
            switch column.kind {
            case .id: return nil
            case .text, .word:
                if isOdd { return SampleBlock.oddTexts.dropLast().randomElement(using: &random).map(JSONValue.string) }
                let range = column.kind == .text ? UInt64.max : 9
                return .string("value-\(UInt64.random(in: 0...range, using: &random))")
            case .integer, .time:
                if column.name == "number" { return nil }
                if isOdd { return integers.randomElement(using: &random).map(JSONValue.integer) }
                return .integer(Int64.random(in: 0...(column.kind == .time ? .max : 9), using: &random))
            case .flag: return .integer(isOdd ? 1 : 0)
            case .optionalNumber:
                return isOdd
                    ? .number(.double(.random(in: -1...1, using: &random))) : numbers.randomElement(using: &random)
            }
        }

        /// Rows with numbers from `start` on.
        static func random(
            _ table: WarehouseTable,
            _ count: Int,
            from start: Int = 0,
            _ random: inout SeededGenerator
        ) -> [JSONObject] {
            (start..<start + count).map { number in
                var row = SampleBlock.row(table, number)
                for column in table.columns where column.name != "environment" {
                    if let value = value(column, &random) { row.set(column.name, value) }
                }
                return row
            }
        }

        static func block(_ id: String, _ rows: [WarehouseTable: [JSONObject]]) throws -> EventBlock {
            var block = SampleBlock.make(id, tables: [:])
            block.form = .packed
            for (table, rows) in rows {
                block.rows[table] = try rows.flatMap { try #require(table.packed($0)) }
                block.counts[table] = rows.count
            }
            return block
        }

        @Test(arguments: 0..<3 as Range<UInt64>)
        func `hold the rows that went in`(seed: UInt64) async throws {
            var random = SeededGenerator(seed: seed)
            let warehouse = folder.open()
            try await warehouse.prepare()
            var rows: [WarehouseTable: [JSONObject]] = [:]
            for table in WarehouseTable.allCases {
                rows[table] = Self.random(table, [1, 700, 2_000][Int(seed)], &random)
            }
            try await warehouse.load(Self.block("b", rows))
            for (table, rows) in rows {
                let sql = "SELECT * FROM \(warehouse.relation(table)) ORDER BY number"
                let found = try await warehouse.query(sql, limits: QueryLimits())
                #expect(found.count == rows.count)
                for (found, row) in zip(found, rows) {
                    for column in table.columns where !Self.agree(found[column.name], row[column.name]) {
                        let said = "\(found[column.name] as Any) is not \(row[column.name] as Any)"
                        Issue.record("\(table) \(column.name): \(said)")
                    }
                }
            }
            await warehouse.shutdown()
        }

        private static func agree(_ left: JSONValue?, _ right: JSONValue?) -> Bool {
            guard let left, let right else { return false }
            if let text = right.stringValue { return left.stringValue?.isExactly(text) == true }
            return left.isNull
                ? right.isNull
                : left.doubleValue == right.doubleValue && left.integerValue == right.integerValue
                    || right.integerValue == nil && left.doubleValue == right.doubleValue
        }

        @Test func `are sorted, and in groups that tell what is in them`() async throws {
            let warehouse = folder.open()
            try await warehouse.prepare()
            let count = 125_000
            let template = SampleBlock.row(.deadLetters, 0)
            let rows = (0..<count).map { number in
                var row = template
                row.set("id", SampleBlock.row(.deadLetters, number)["id"] ?? .null)
                row.set("number", .integer(number))
                row.set("reason", .string("r\(number * 7_919 % 1_000)"))
                row.set("event", .string("{\"n\":\(number)}"))
                return row
            }
            try await warehouse.load(Self.block("b", [.deadLetters: rows]))
            let path = try #require(folder.files.first)
            let source = "(SELECT *, file_row_number AS place FROM read_parquet('\(path)', file_row_number = true))"
            let found = try await warehouse.query(
                "SELECT count(*) AS n, count(*) FILTER (event = '{\"n\":' || number || '}' "
                    + "AND reason = 'r' || (number * 7919 % 1000)) AS good, count(DISTINCT number) AS different, "
                    + "count(*) FILTER (ok) AS ordered FROM (SELECT *, coalesce((reason, id) > lag((reason, id)) "
                    + "OVER (ORDER BY place), true) AS ok FROM \(source))",
                limits: QueryLimits()
            )
            for name in ["n", "good", "different", "ordered"] {
                #expect(found.first?[name] == .integer(count), "\(name)")
            }
            let groups = try await warehouse.query(
                "SELECT stats_min_value AS least, stats_max_value AS greatest, num_values AS n "
                    + "FROM parquet_metadata('\(path)') WHERE path_in_schema = 'reason' ORDER BY row_group_id",
                limits: QueryLimits()
            )
            #expect(groups.count == 2 && groups.first?["least"] == "r0" && groups.last?["greatest"] == "r999")
            #expect((groups.first?.text("greatest") ?? "") <= (groups.last?.text("least") ?? ""))
            await warehouse.shutdown()
        }

        @Test func `are not made of what are no rows`() async throws {
            let warehouse = folder.open()
            try await warehouse.prepare()
            var random = SeededGenerator(seed: 1)
            let good = try Self.block("b", [.events: Self.random(.events, 20, &random)])
            let bytes = try #require(good.rows[.events])
            var refused = 0
            for number in 0..<200 {
                var block = good
                block.id = "b-\(number)"
                block.rows[.events] = bytes.dropLast(Int.random(in: 1..<bytes.count, using: &random))
                if number.isMultiple(of: 2) {
                    block.rows[.events] = bytes.map { Int.random(in: 0..<300, using: &random) == 0 ? $0 ^ 0x81 : $0 }
                }
                do {
                    _ = try await warehouse.load(block)
                } catch {
                    #expect(error.code == .rejected || error.code == .failed)
                    refused += 1
                }
            }
            #expect(refused >= 100, "what lacks its end is never taken")
            await warehouse.shutdown()
        }
    }
}
