// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateJSON
import FloodgateWarehouse
import Foundation
import Testing

extension DuckDBTests {
    /// Files that are too much for a merge, or made to harm it: DuckDB's, then.
    @Suite("Bounds of Parquet merges") struct ParquetBoundsTests {
        let folder = DuckDBTestFolder()

        /// A warehouse with a file for each of `rows`, and their paths.
        private func files(_ rows: [[JSONObject]]) async throws -> (DuckDBWarehouse, [String]) {
            let warehouse = folder.open { $0.filesBeforeMerge = 1_000 }
            try await warehouse.prepare()
            for (number, rows) in rows.enumerated() {
                try await warehouse.load(ParquetFileTests.block("n1-\(number)", [.events: rows]))
            }
            return (warehouse, folder.files)
        }

        private var out: String { folder.path + "/out" }

        /// Whether a file of these bytes is merged.
        private func merges(_ warehouse: DuckDBWarehouse, _ bytes: [UInt8], rows: Int64) async throws -> Bool {
            let path = folder.path + "/crafted"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try await warehouse.merge(.events, [(path, rows)], into: out) != nil
        }

        private func bytes(_ path: String) throws -> [UInt8] {
            try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        }

        /// Where a column of a file begins.
        private func place(_ column: String, _ warehouse: DuckDBWarehouse, _ path: String) async throws -> Int {
            let found = try await warehouse.query(
                "SELECT least(dictionary_page_offset, data_page_offset) AS place FROM parquet_metadata('\(path)') "
                    + "WHERE path_in_schema = '\(column)'",
                limits: QueryLimits()
            )
            return try #require(found.first?["place"]?.integerValue.map(Int.init))
        }

        @Test func `refuse a column that is large before it is packed`() async throws {
            let large = String(repeating: "large ", count: 1 << 18)
            let (warehouse, paths) = try await files([
                (0..<30).map { SampleBlock.row(.events, $0, ["user": .string(large + "\($0)")]) }
            ])
            let path = try #require(paths.first)
            #expect(try await warehouse.merge(.events, [(path, 30), (path, 30)], into: out) == 30)
            #expect(try await warehouse.merge(.events, [(path, 30), (path, 30), (path, 30)], into: out) == nil)
            await warehouse.shutdown()
        }

        @Test func `write a large text once for all rows of a group`() async throws {
            let large = String(repeating: "large ", count: 1 << 14)
            let (warehouse, paths) = try await files([
                (0..<200).map { SampleBlock.row(.events, $0, ["user": .string(large)]) },
                (200..<403).map { SampleBlock.row(.events, $0, ["user": .string("small \($0)")]) },
            ])
            let sources = zip(paths, [200, 203] as [Int64]).map { ($0, $1) }
            #expect(try await warehouse.merge(.events, sources, into: out) == 403)
            let found = try await warehouse.query(
                "SELECT count(*) FILTER (\"user\" = repeat('large ', 16384) AND number < 200 OR \"user\" = 'small ' || number) "
                    + "AS good, (SELECT sum(total_uncompressed_size)::BIGINT FROM parquet_metadata('\(out)')) AS bytes "
                    + "FROM read_parquet('\(out)')",
                limits: QueryLimits()
            )
            #expect(found.first?["good"] == 403)
            #expect((found.first?["bytes"]?.integerValue ?? .max) < 1 << 18)
            await warehouse.shutdown()
        }

        @Test func `refuse a file with other rows than are known`() async throws {
            let (warehouse, paths) = try await files([(0..<9).map { SampleBlock.row(.events, $0) }])
            let path = try #require(paths.first)
            for rows in [8, 10, 0, .max, -1] as [Int64] {
                #expect(try await warehouse.merge(.events, [(path, rows)], into: out) == nil)
            }
            #expect(try await warehouse.merge(.events, [(path, 9)], into: out) == 9)
            await warehouse.shutdown()
        }

        @Test func `refuse metadata that never ends`() async throws {
            let (warehouse, _) = try await files([])
            // Lists in lists, and lists of booleans, of which each says that it has half a million.
            let nested = [UInt8](repeating: 0x19, count: 4 << 20)
            var wide: [UInt8] = [0x19, 0xF9, 0xFF, 0xFF, 0x1F]
            for _ in 0..<1 << 19 { wide += [0xF1, 0xFF, 0xFF, 0x1F] }
            for metadata in [nested, wide] {
                let size = withUnsafeBytes(of: UInt32(metadata.count).littleEndian, Array.init)
                let file = Array("PAR1".utf8) + metadata + size + Array("PAR1".utf8)
                #expect(try await !merges(warehouse, file, rows: 1))
            }
            await warehouse.shutdown()
        }

        @Test(arguments: [1 << 33, UInt64(Int64.max)])
        func `refuse pages that say that they are huge`(size: UInt64) async throws {
            let (warehouse, paths) = try await files([(0..<9).map { SampleBlock.row(.events, $0) }])
            let path = try #require(paths.first)
            let place = try await place("environment", warehouse, path)
            var varint: [UInt8] = []
            var rest = size << 1
            while rest >= 0x80 {
                varint.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            varint.append(UInt8(rest))
            // A page of a dictionary whose frame says the same.
            let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0xE0] + withUnsafeBytes(of: size.littleEndian, Array.init)
            let head: [UInt8] =
                [0x15, 0x04, 0x15] + varint + [0x15, UInt8(frame.count * 2), 0x4C, 0x15, 0x02, 0x15, 0, 0, 0]
            var bytes = try bytes(path)
            bytes.replaceSubrange(place..<place + head.count + frame.count, with: head + frame)
            #expect(try await !merges(warehouse, bytes, rows: 9))
            await warehouse.shutdown()
        }

        @Test func `refuse levels and flags that are neither 0 nor 1`() async throws {
            var random = SystemRandomNumberGenerator()
            let rows = (0..<20).map { number in
                let value = JSONValue.number(.double(.random(in: 1...2, using: &random)))
                return SampleBlock.row(.events, number, ["value": value, "is_clamped": .integer(number % 2)])
            }
            let (warehouse, paths) = try await files([rows])
            let path = try #require(paths.first)
            let intact = try bytes(path)
            #expect(try await merges(warehouse, intact, rows: 20))
            // The levels of 20 values, a run of two bytes; the dictionary of flags.
            let crafted: [(column: String, pattern: [UInt8], one: Int)] = [
                ("value", [2, 0, 0, 0, 40, 1], 5), ("is_clamped", [0, 0, 0, 0, 1, 0, 0, 0], 4),
            ]
            for (column, pattern, one) in crafted {
                var bytes = intact
                let begin = try await place(column, warehouse, path)
                let start = try #require(
                    bytes.indices.dropFirst(begin).first { bytes[$0...].starts(with: pattern) }
                )
                bytes[start + one] = 2
                #expect(try await !merges(warehouse, bytes, rows: 20))
            }
            await warehouse.shutdown()
        }

        @Test func `leave an ID out that all have`() async throws {
            let warehouse = folder.open { $0.filesBeforeMerge = 1_000 }
            try await warehouse.prepare()
            let count = 50_001
            var block = try ParquetFileTests.block("b", [.events: [SampleBlock.row(.events, 7)]])
            let shared = try #require(WarehouseTable.events.packed(SampleBlock.row(.events, 8, ["user_id": "all"])))
            // Rows begin with the id.
            for number in 0..<UInt64(count) {
                let id = withUnsafeBytes(of: number, Array.init)
                block.rows[.events, default: []] += id + shared.dropFirst(id.count)
            }
            block.counts[.events] = count + 1
            try await warehouse.load(block)
            #expect(try await warehouse.forget("all", environment: "production") == count)
            let sql = "SELECT number FROM \(warehouse.relation(.events))"
            #expect(try await warehouse.query(sql, limits: QueryLimits()) == [["number": 7]])
            let path = try #require(folder.files.first)
            let writer = "SELECT created_by LIKE 'DuckDB%' AS is_it FROM parquet_file_metadata('\(path)')"
            #expect(try await warehouse.query(writer, limits: QueryLimits()) == [["is_it": true]])
            await warehouse.shutdown()
        }
    }
}
