// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Foundation
import Testing

/// A block whose events have these numbers; its number is in its id.
private func block(_ number: Int, _ numbers: ClosedRange<Int>, days: Int64 = 0) -> EventBlock {
    SampleBlock.make(
        "n1-\(number)",
        tables: [.exposures: numbers, .events: numbers],
        receivedAfter: days * 86_400_000 + Int64(number) * 1_000
    )
}

private func count(_ warehouse: DuckDBWarehouse, _ table: WarehouseTable = .exposures) async throws -> Int64? {
    let sql = "SELECT count(*) AS n, count(DISTINCT number) AS d FROM \(warehouse.relation(table))"
    let row = try await warehouse.query(sql, limits: QueryLimits()).first
    #expect(row?["n"] == row?["d"], "each once")
    return row?["n"]?.integerValue
}

extension DuckDBTests {
    @Suite("DuckDB warehouse under faults") struct DuckDBFaultTests {
        let folder = DuckDBTestFolder()

        @Test func `has everything again after a restart`() async throws {
            let first = folder.open()
            try await first.prepare()
            try await first.load(block(1, 1...3))
            try await first.load(block(2, 3...5))
            let ledger = Set(try await first.ledger(since: 0, node: nil))
            await first.shutdown()

            let second = folder.open()
            try await second.prepare()
            #expect(try await count(second) == 5)
            #expect(Set(try await second.ledger(since: 0, node: nil)) == ledger)
            #expect(try await !second.load(block(2, 3...5)))
            await second.shutdown()
        }

        @Test func `sweeps what a crash left behind`() async throws {
            let first = folder.open()
            try await first.prepare()
            try await first.load(block(1, 1...3))
            await first.shutdown()
            // A block whose record was not written, and a draft.
            let whole = try #require(folder.files.first { $0.contains("exposures") })
            let left = whole.replacingOccurrences(of: "n1-1", with: "n1-2")
            try FileManager.default.copyItem(atPath: whole, toPath: left)
            let drafts = folder.path + "/incoming/1-1"
            try FileManager.default.createDirectory(atPath: drafts, withIntermediateDirectories: true)
            try Data("half".utf8).write(to: URL(fileURLWithPath: drafts + "/exposures-n1-3.parquet"))

            let second = folder.open()
            try await second.prepare()
            #expect(!FileManager.default.fileExists(atPath: left))
            #expect(!FileManager.default.fileExists(atPath: drafts))
            #expect(try await count(second) == 3)
            #expect(try await second.load(block(2, 4...5)))
            #expect(try await count(second) == 5)
            await second.shutdown()
        }

        @Test func `belongs to one process at a time`() async throws {
            let first = folder.open()
            try await first.prepare()
            let second = folder.open()
            let error = await #expect(throws: WarehouseError.self) { try await second.prepare() }
            #expect(error?.code == .unavailable)
            await first.shutdown()
            try await second.prepare()
            await second.shutdown()
        }

        @Test func `says how to get DuckDB where there is none`() async throws {
            for program in ["/nowhere/duckdb", folder.path, "/dev/null"] {
                let warehouse = folder.open { $0.program = program }
                let error = await #expect(throws: WarehouseError.self) { try await warehouse.prepare() }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("pip install duckdb-cli") == true)
            }
            for program in ["/bin/true", "/bin/cat"] {
                let warehouse = folder.open { $0.program = program }
                let error = await #expect(throws: WarehouseError.self) { try await warehouse.prepare() }
                #expect(error?.code == .unavailable || error?.code == .failed)
            }
        }

        @Test(arguments: 0..<2 as Range<UInt64>)
        func `loses nothing and counts nothing twice when its children are killed`(seed: UInt64) async throws {
            let warehouse = folder.open { $0.filesBeforeMerge = 4 }
            try await warehouse.prepare()
            let killer = Task {
                var random = SeededGenerator(seed: seed)
                while !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(Int.random(in: 1...60, using: &random)))
                    await warehouse.killChildren()
                }
            }
            var failures = 0
            for number in 1...8 {
                while true {
                    do {
                        try await warehouse.load(block(number, number * 10...number * 10 + 12))
                        break
                    } catch {
                        #expect(error.code == .unavailable, "\(error)")
                        failures += 1
                        if failures > 60 { killer.cancel() }
                    }
                }
            }
            killer.cancel()
            _ = await killer.value
            #expect(failures > 0)
            #expect(try await count(warehouse) == 83)
            #expect(try await count(warehouse, .events) == 83)
            #expect(try await warehouse.ledger(since: 0, node: nil).count == 8)
            await warehouse.shutdown()
            let again = folder.open()
            try await again.prepare()
            #expect(try await count(again) == 83)
            #expect(try await again.status().damaged == 0)
            await again.shutdown()
        }

        @Test func `answers a question though its child was killed before`() async throws {
            let warehouse = folder.open { $0.questions = 1 }
            try await warehouse.prepare()
            try await warehouse.load(block(1, 1...3))
            #expect(try await count(warehouse) == 3)
            await warehouse.killChildren()
            let error = await #expect(throws: WarehouseError.self) { _ = try await count(warehouse) }
            #expect(error?.code == .unavailable)
            #expect(try await count(warehouse) == 3)
            await warehouse.shutdown()
        }

        @Test func `gives a question up that takes too long or too much`() async throws {
            let warehouse = folder.open { $0.questions = 1 }
            try await warehouse.prepare()
            var limits = QueryLimits()
            limits.time = .milliseconds(200)
            let endless =
                "SELECT count(*) AS n FROM range(100000000000) a, range(100000) b WHERE a.range % 7 = b.range % 11"
            var error = await #expect(throws: WarehouseError.self) {
                _ = try await warehouse.query(endless, limits: limits)
            }
            #expect(error?.code == .limit)
            limits = QueryLimits()
            limits.memoryBytes = 50_000_000
            let large = "SELECT max(len(l)) AS n FROM (SELECT list(a.range) AS l FROM range(30000000) a)"
            error = await #expect(throws: WarehouseError.self) { _ = try await warehouse.query(large, limits: limits) }
            #expect(error?.code == .limit, "\(error?.message ?? "")")
            #expect(try await count(warehouse) == 0)
            await warehouse.shutdown()
        }

        @Test func `refuses a question when too many wait`() async throws {
            let warehouse = folder.open {
                $0.questions = 1
                $0.waitingQuestions = 1
            }
            try await warehouse.prepare()
            var limits = QueryLimits()
            limits.time = .milliseconds(500)
            let slow =
                "SELECT count(*) AS n FROM range(100000000000) a, range(100000) b WHERE a.range % 7 = b.range % 11"
            let codes = await withTaskGroup(of: String.self) { group in
                for _ in 0..<4 {
                    group.addTask { [limits] in
                        do throws(WarehouseError) {
                            _ = try await warehouse.query(slow, limits: limits)
                            return "answer"
                        } catch {
                            return error.message.contains("wait already") ? "refused" : error.code.rawValue
                        }
                    }
                }
                return await group.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(codes == ["refused": 2, "limit": 2])
            await warehouse.shutdown()
        }

        @Test func `sets a file aside that cannot be read, and reads the others`() async throws {
            let warehouse = folder.open()
            try await warehouse.prepare()
            for number in 1...3 { try await warehouse.load(block(number, number * 10...number * 10 + 4)) }
            #expect(try await count(warehouse) == 15)
            let broken = try #require(folder.files.first { $0.contains("exposures") })
            let size = try #require(try FileManager.default.attributesOfItem(atPath: broken)[.size] as? Int)
            try Data(repeating: 0x55, count: size).write(to: URL(fileURLWithPath: broken))
            #expect(try await count(warehouse) == 10)
            #expect(try await warehouse.status().damaged == 1)
            #expect(try await count(warehouse, .events) == 15)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/damaged").count == 1)
            await warehouse.shutdown()
        }

        @Test func `reads the others when a file is gone`() async throws {
            let warehouse = folder.open()
            try await warehouse.prepare()
            for number in 1...3 { try await warehouse.load(block(number, number * 10...number * 10 + 4)) }
            let lost = try #require(folder.files.first { $0.contains("exposures") })
            try FileManager.default.removeItem(atPath: lost)
            #expect(try await count(warehouse) == 10)
            #expect(try await warehouse.status().damaged == 1)
            await warehouse.shutdown()
        }

        @Test func `merges the others when a file of the day is damaged`() async throws {
            let warehouse = folder.open { $0.filesBeforeMerge = 3 }
            try await warehouse.prepare()
            for number in 1...2 { try await warehouse.load(block(number, number * 10...number * 10 + 4)) }
            let broken = try #require(folder.files.first { $0.contains("exposures") })
            let size = try #require(try FileManager.default.attributesOfItem(atPath: broken)[.size] as? Int)
            try Data(repeating: 0x55, count: size).write(to: URL(fileURLWithPath: broken))
            for number in 3...4 { try await warehouse.load(block(number, number * 10...number * 10 + 4)) }
            #expect(try await warehouse.status().damaged == 1)
            #expect(folder.files.filter { $0.contains("exposures") }.count == 1)
            #expect(try await count(warehouse) == 15)
            await warehouse.shutdown()
        }

        @Test func `sees at the start that a file was cut off`() async throws {
            let first = folder.open()
            try await first.prepare()
            for number in 1...2 { try await first.load(block(number, number * 10...number * 10 + 4)) }
            await first.shutdown()
            let broken = try #require(folder.files.first { $0.contains("events") })
            try Data([0x50]).write(to: URL(fileURLWithPath: broken))
            let second = folder.open()
            try await second.prepare()
            #expect(try await second.status().damaged == 1)
            #expect(try await count(second, .events) == 5)
            #expect(try await count(second) == 10)
            await second.shutdown()
        }
    }
}
