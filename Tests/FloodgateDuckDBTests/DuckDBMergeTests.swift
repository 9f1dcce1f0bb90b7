// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Foundation
import Testing

extension DuckDBTests {
    @Suite("DuckDB merges") struct DuckDBMergeTests {
        let folder = DuckDBTestFolder()

        private func block(_ number: Int, _ numbers: ClosedRange<Int>, days: Int64 = 0) -> EventBlock {
            SampleBlock.make(
                "n1-\(number)",
                tables: [.exposures: numbers],
                receivedAfter: days * 86_400_000 + Int64(number) * 1_000
            )
        }

        private func answer(_ warehouse: DuckDBWarehouse) async throws -> [Int64?] {
            let sql = "SELECT number, min(received_at) AS t FROM \(warehouse.relation(.exposures)) GROUP BY number, id"
            let rows = try await warehouse.query(sql + " ORDER BY number", limits: QueryLimits())
            let total = try await warehouse.query(
                "SELECT count(*) AS n FROM \(warehouse.relation(.exposures))",
                limits: QueryLimits()
            )
            #expect(total.first?["n"]?.integerValue == Int64(rows.count), "each once")
            return rows.flatMap { [$0["number"]?.integerValue, $0["t"]?.integerValue] }
        }

        @Test(arguments: 0..<2 as Range<UInt64>)
        func `change no answer`(seed: UInt64) async throws {
            let other = DuckDBTestFolder()
            let (merging, plain) = (folder.open { $0.filesBeforeMerge = 3 }, other.open { $0.filesBeforeMerge = 1_000 })
            try await merging.prepare()
            try await plain.prepare()
            var random = SeededGenerator(seed: seed)
            for number in 1...11 {
                let start = Int.random(in: 0...30, using: &random)
                let block = block(number, start...start + Int.random(in: 0...9, using: &random))
                try await merging.load(block)
                try await plain.load(block)
            }
            #expect(folder.files.count < other.files.count)
            #expect(try await answer(merging) == answer(plain))
            #expect(try await merging.ledger(since: 0, node: nil).count == 11)
            await merging.shutdown()
            let again = folder.open()
            try await again.prepare()
            #expect(try await answer(again) == answer(plain))
            for number in 1...11 { #expect(try await !again.load(block(number, 0...0)), "merged blocks stay known") }
            await again.shutdown()
            await plain.shutdown()
        }

        @Test func `finish a day when the next has begun`() async throws {
            let warehouse = folder.open()
            try await warehouse.prepare()
            for number in 1...3 { try await warehouse.load(block(number, number...number)) }
            #expect(folder.files.count == 3)
            try await warehouse.load(block(4, 3...4, days: 1))
            #expect(folder.files.count == 2)
            #expect(try await answer(warehouse).count == 8)
            await warehouse.shutdown()
        }

        @Test func `count nothing twice when the files that they replace are still there`() async throws {
            let first = folder.open { $0.filesBeforeMerge = 3 }
            try await first.prepare()
            for number in 1...2 { try await first.load(block(number, number...number + 1)) }
            let copies = folder.files.map { ($0, FileManager.default.contents(atPath: $0)) }
            try await first.load(block(3, 3...4))
            #expect(folder.files.count == 1)
            let expected = try await answer(first)
            await first.shutdown()
            // As if the crash had come before they were removed.
            for (path, content) in copies { try content?.write(to: URL(fileURLWithPath: path)) }
            let second = folder.open()
            try await second.prepare()
            #expect(folder.files.count == 1)
            #expect(try await answer(second) == expected)
            await second.shutdown()
        }

        @Test func `keep few records, and forget blocks of long ago`() async throws {
            let change: (inout DuckDBOptions) -> Void = {
                $0.recordsBeforeBundle = 4
                $0.knownDays = 2
            }
            let first = folder.open(change)
            try await first.prepare()
            for number in 1...9 { try await first.load(block(number, number...number, days: Int64(number))) }
            let expected = try await answer(first)
            #expect(expected.count == 18)
            #expect(try await !first.load(block(8, 8...8, days: 8)))
            let ledger = Set(try await first.ledger(since: 0, node: nil).map(\.block))
            #expect(ledger.isSuperset(of: ["n1-7", "n1-8", "n1-9"]) && !ledger.contains("n1-1"))
            await first.shutdown()
            let records = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/records")
            #expect(records.filter { $0.hasPrefix("n1-") }.count < 4)
            let second = folder.open(change)
            try await second.prepare()
            #expect(try await answer(second) == expected)
            #expect(Set(try await second.ledger(since: 0, node: nil).map(\.block)) == ledger)
            #expect(try await !second.load(block(7, 7...7, days: 7)))
            await second.shutdown()
        }

        @Test func `wait with removing files for questions that read them`() async throws {
            let warehouse = folder.open { $0.filesBeforeMerge = 3 }
            try await warehouse.prepare()
            for number in 1...2 { try await warehouse.load(block(number, 1...200)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 { group.addTask { _ = try await answer(warehouse) } }
                group.addTask { for number in 3...8 { try await warehouse.load(block(number, 1...200)) } }
                try await group.waitForAll()
            }
            _ = try await answer(warehouse)
            #expect(folder.files.count <= 4)
            await warehouse.shutdown()
        }
    }
}
