// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Foundation
import Testing

extension DuckDBTests {
    /// Merges of the files that are made of packed rows, as DuckDB reads them before and after.
    @Suite("Parquet merges") struct ParquetMergeTests {
        let folder = DuckDBTestFolder()

        /// All columns of all rows, in an order that does not depend on files.
        private func rows(_ warehouse: DuckDBWarehouse, _ table: WarehouseTable) async throws -> [JSONObject] {
            let sql = "SELECT * FROM \(warehouse.relation(table)) ORDER BY environment, id, number"
            return try await warehouse.query(sql, limits: QueryLimits())
        }

        /// Who wrote the files that are there.
        private func writers(_ warehouse: DuckDBWarehouse) async throws -> [String] {
            let files = folder.files.map { "'\($0)'" }.joined(separator: ", ")
            let sql = "SELECT created_by AS name FROM parquet_file_metadata([\(files)])"
            return try await warehouse.query(sql, limits: QueryLimits()).compactMap { $0.text("name") }
        }

        /// Blocks with random rows, of which some come again in a later block with other times.
        private func blocks(_ count: Int, _ sizes: ClosedRange<Int>, seed: UInt64) throws -> [EventBlock] {
            var random = SeededGenerator(seed: seed)
            var earlier: [WarehouseTable: [JSONObject]] = [:]
            return try (0..<count).map { number in
                var rows: [WarehouseTable: [JSONObject]] = [:]
                for table in WarehouseTable.allCases {
                    let size = Int.random(in: sizes, using: &random)
                    var made = ParquetFileTests.random(table, size, from: number * 10_000, &random)
                    for _ in 0..<size / 10 {
                        guard var again = earlier[table]?.randomElement(using: &random) else { break }
                        again.set("received_at", .integer(Int64.random(in: 0...9, using: &random)))
                        made.append(again)
                    }
                    // An id of SDKs' own in another environment is another event.
                    if var other = earlier[table]?.first {
                        other.set("environment", .string("environment-\(number)"))
                        made.append(other)
                    }
                    earlier[table, default: []] += made
                    rows[table] = made
                }
                return try ParquetFileTests.block("n1-\(number)", rows)
            }
        }

        @Test(arguments: 0..<3 as Range<UInt64>)
        func `change no answer, and are made without DuckDB`(seed: UInt64) async throws {
            let other = DuckDBTestFolder()
            let (merging, plain) = (folder.open { $0.filesBeforeMerge = 3 }, other.open { $0.filesBeforeMerge = 1_000 })
            try await merging.prepare()
            try await plain.prepare()
            for block in try blocks(7, [1...1, 1...30, 100...600][Int(seed)], seed: seed) {
                try await merging.load(block)
                try await plain.load(block)
            }
            #expect(folder.files.count < other.files.count)
            for table in WarehouseTable.allCases {
                let (found, expected) = (try await rows(merging, table), try await rows(plain, table))
                #expect(found.count == expected.count && !found.isEmpty)
                for (found, expected) in zip(found, expected) where found != expected {
                    Issue.record("\(table): \(found) is not \(expected)")
                }
            }
            #expect(try await writers(merging).allSatisfy { $0 == "floodgate" })
            await merging.shutdown()
            await plain.shutdown()
        }

        @Test func `sort groups of rows over all files, with bounds`() async throws {
            let warehouse = folder.open { $0.filesBeforeMerge = 3 }
            try await warehouse.prepare()
            let (count, template) = (42_000, SampleBlock.row(.deadLetters, 0))
            for block in 0..<3 {
                let rows = (block * count..<(block + 1) * count).map { number in
                    var row = template
                    row.set("id", SampleBlock.row(.deadLetters, number)["id"] ?? .null)
                    row.set("number", .integer(number))
                    row.set("reason", .string("r\(number * 7_919 % 1_000)"))
                    row.set("event", .string("{\"n\":\(number)}"))
                    return row
                }
                try await warehouse.load(ParquetFileTests.block("b\(block)", [.deadLetters: rows]))
            }
            #expect(folder.files.count == 1)
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
                #expect(found.first?[name] == .integer(3 * count), "\(name)")
            }
            let groups = try await warehouse.query(
                "SELECT stats_min_value AS least, stats_max_value AS greatest "
                    + "FROM parquet_metadata('\(path)') WHERE path_in_schema = 'reason' ORDER BY row_group_id",
                limits: QueryLimits()
            )
            #expect(groups.count == 2 && groups.first?["least"] == "r0" && groups.last?["greatest"] == "r999")
            #expect((groups.first?.text("greatest") ?? "") <= (groups.last?.text("least") ?? ""))
            await warehouse.shutdown()
        }

        @Test func `take files of DuckDB's along`() async throws {
            let warehouse = folder.open { $0.filesBeforeMerge = 3 }
            try await warehouse.prepare()
            try await warehouse.load(SampleBlock.make("lines", tables: [.events: 1...9]))
            for block in try blocks(2, 5...5, seed: 1) { try await warehouse.load(block) }
            #expect(try await rows(warehouse, .events).count > 9)
            let written = try await writers(warehouse)
            #expect(written.contains { $0.hasPrefix("DuckDB") } && written.contains("floodgate"))
            // Its events are known to those that come later.
            for (number, block) in try blocks(2, 5...5, seed: 1).enumerated() {
                var block = block
                block.id = "again-\(number)"
                try await warehouse.load(block)
            }
            try await warehouse.load(SampleBlock.make("again", tables: [.events: 5...12]))
            #expect(folder.files.filter { $0.contains("/events/") }.count <= 2)
            let ids = try await rows(warehouse, .events).map { "\($0["environment"] as Any) \($0["id"] as Any)" }
            #expect(Set(ids).count == ids.count)
            await warehouse.shutdown()
        }

        @Test func `leave a user out where it was asked for`() async throws {
            let warehouse = folder.open { $0.filesBeforeMerge = 2 }
            try await warehouse.prepare()
            for (number, block) in try blocks(5, 40...40, seed: 2).enumerated() {
                var block = block
                for table in [WarehouseTable.exposures, .events] {
                    let values: JSONObject = ["user_id": number % 2 == 0 ? "gone" : "", "custom_ids": #"{"c":"gone"}"#]
                    let row = SampleBlock.row(table, 900_000 + number, values)
                    block.rows[table, default: []] += try #require(table.packed(row))
                    block.counts[table, default: 0] += 1
                }
                try await warehouse.load(block)
            }
            var before: [WarehouseTable: [JSONObject]] = [:]
            for table in WarehouseTable.allCases { before[table] = try await rows(warehouse, table) }
            #expect(try await warehouse.forget("gone", environment: "production") == 10)
            for table in WarehouseTable.allCases {
                let expected = before[table]?.filter { ($0["number"]?.integerValue ?? 0) < 900_000 }
                #expect(try await rows(warehouse, table) == expected)
            }
            #expect(try await writers(warehouse).allSatisfy { $0 == "floodgate" })
            await warehouse.shutdown()
        }

        @Test(arguments: 0..<2 as Range<UInt64>)
        func `survive files that are damaged anyhow`(seed: UInt64) async throws {
            var random = SeededGenerator(seed: seed)
            let warehouse = folder.open { $0.filesBeforeMerge = 1_000 }
            try await warehouse.prepare()
            for block in try blocks(2, 60...60, seed: seed) { try await warehouse.load(block) }
            await warehouse.shutdown()
            let files = folder.files.filter { $0.contains("/events/") }
            let (damaged, out) = (folder.path + "/broken", folder.path + "/out")
            let counts = try blocks(2, 60...60, seed: seed).map { Int64($0.counts[.events] ?? 0) }
            let sources = zip(files, counts).map { (path: $0, rows: $1) }
            var refused = 0
            for _ in 0..<400 {
                let source = try #require(sources.randomElement(using: &random))
                var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: source.path)))
                // The metadata, at the end, is where most can go wrong.
                let first = Bool.random(using: &random) ? 0 : bytes.count / 2
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bytes[Int.random(in: first..<bytes.count, using: &random)] = UInt8.random(
                        in: 0...255,
                        using: &random
                    )
                }
                if Int.random(in: 0..<4, using: &random) == 0 {
                    bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
                }
                try Data(bytes).write(to: URL(fileURLWithPath: damaged))
                let all = sources + [(damaged, source.rows)]
                if try await warehouse.merge(.events, all, into: out) == nil { refused += 1 }
            }
            #expect(refused > 200)
            #expect(try await warehouse.merge(.events, sources, into: out) != nil)
        }

        @Test func `set a damaged file aside, and go on`() async throws {
            let first = folder.open { $0.filesBeforeMerge = 1_000 }
            try await first.prepare()
            let blocks = try blocks(4, 60...60, seed: 4)
            for block in blocks.prefix(2) { try await first.load(block) }
            await first.shutdown()
            let victim = try #require(folder.files.first { $0.contains("/events/") })
            var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: victim)))
            for place in 10..<bytes.count / 2 { bytes[place] = 0xAA }
            try Data(bytes).write(to: URL(fileURLWithPath: victim))

            let second = folder.open { $0.filesBeforeMerge = 3 }
            try await second.prepare()
            for block in blocks.suffix(2) { try await second.load(block) }
            #expect(try await second.status().damaged == 1)
            #expect(!FileManager.default.fileExists(atPath: victim))
            #expect(try await rows(second, .events).count > 60)
            await second.shutdown()
        }

        @Test func `count nothing twice, wherever a crash comes`() async throws {
            let other = DuckDBTestFolder()
            let (first, plain) = (folder.open { $0.filesBeforeMerge = 3 }, other.open())
            try await first.prepare()
            try await plain.prepare()
            for block in try blocks(3, 20...20, seed: 5) {
                try await first.load(block)
                try await plain.load(block)
            }
            #expect(folder.files.count == 3)
            let expected = try await rows(first, .exposures)
            await first.shutdown()
            await plain.shutdown()
            func putBack() throws {
                for file in other.files {
                    let place = file.replacingOccurrences(of: other.path, with: folder.path)
                    try FileManager.default.copyItem(atPath: file, toPath: place)
                }
            }
            // As if the crash had come before the files were removed.
            let merged = try #require(folder.files.first { $0.contains("/exposures/") })
            try putBack()
            let second = folder.open()
            try await second.prepare()
            #expect(folder.files.count == 3)
            #expect(try await rows(second, .exposures) == expected)
            await second.shutdown()
            // As if it had come before the record: the merged file counts not, the others do.
            try putBack()
            let name = ((merged as NSString).lastPathComponent as NSString).deletingPathExtension
            try FileManager.default.removeItem(atPath: "\(folder.path)/records/\(name).json")
            let third = folder.open()
            try await third.prepare()
            #expect(!FileManager.default.fileExists(atPath: merged))
            #expect(try await rows(third, .exposures) == expected)
            await third.shutdown()
        }
    }
}
