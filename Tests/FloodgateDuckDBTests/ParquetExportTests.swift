// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse
import Foundation
import Logging
import Testing

extension DuckDBTests {
    @Suite("Export as Parquet") struct ParquetExportTests {
        private static let noon: Int64 = 1_750_000_020_000

        let folder = DuckDBTestFolder()
        let log = InMemoryEventLog()
        let clock = LoadingTests.Clock()

        @Test func `has the rows of the warehouse`() async throws {
            for start in 0..<3 { _ = try await log.append(Self.batch(start * 10..<start * 10 + 10)) }
            let target = folder.path + "/it's out"
            let writer = try DuckDBParquetWriter(folder: target, program: DuckDBTestFolder.program)
            try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
            let exporter = try EventExporter(
                log: log,
                settings: ExportSettings("parquet:\(target)", interval: .seconds(1)),
                options: ExportOptions(node: "node-1"),
                plan: folder.path + "/export.json",
                parquet: writer,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                now: { [clock] in clock.now }
            )
            for _ in 0..<10 where exporter.position < 3 {
                _ = await exporter.step()
                clock.advance(1_000)
            }
            #expect(await exporter.report.failures.isEmpty)
            await writer.shutdown()

            let files = WarehouseTable.allCases.map {
                "\(target)/\($0.rawValue)/date=2025-06-15/hour=15/node-1-1-3.parquet"
            }
            #expect(files.map(FileManager.default.fileExists) == [true, true, false])
            let block = try await block()
            for (table, path) in zip(WarehouseTable.allCases, files.prefix(2)) {
                let rows = try Self.rows(of: path, in: folder.path)
                let expected = try #require(block.rows[table]).split(separator: UInt8(ascii: "\n")).map {
                    try #require(try JSONValue(parsing: Array($0)).objectValue)
                }
                for (row, expected) in zip(rows, expected) { #expect(row == expected) }
                #expect(rows.count == expected.count)
            }
        }

        @Test func `refuses rows that do not fit, and what is outside of its folder`() async throws {
            let inside = folder.path + "/inside"
            try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: true)
            try Data("{\"id\":\"no id\"}\n".utf8).write(to: URL(fileURLWithPath: inside + "/rows"))
            let writer = try DuckDBParquetWriter(folder: inside, program: DuckDBTestFolder.program)
            for (target, code) in [
                (inside + "/file", WarehouseError.Code.rejected), (folder.path + "/file", .failed),
            ] {
                let error = await #expect(throws: WarehouseError.self) {
                    try await writer.write(.events, from: inside + "/rows", longestLine: 20, to: target)
                }
                #expect(error?.code == code, "\(String(describing: error))")
            }
            await writer.shutdown()
        }

        /// Events that are told apart by their value; every third is an exposure.
        private static func batch(_ numbers: Range<Int>) throws -> LoggedBatch {
            let events = numbers.map { number in
                let isExposure = number.isMultiple(of: 3)
                return Event(
                    name: isExposure ? InternalEventName.gateExposure : "purchase",
                    time: noon + Int64(number),
                    user: ["userID": .string("u\(number)"), "customIDs": ["companyID": "c"]],
                    value: isExposure ? nil : .number(.double(Double(number) + 0.5)),
                    metadata: isExposure ? ["gate": "g", "gateValue": "true", "ruleID": "r"] : ["text": "it's\n\"1\""]
                )
            }
            return try LoggedBatch(
                packing: EventBatch(events: events),
                receivedAt: noon,
                environment: "production",
                keyKind: "server"
            )
        }

        private func block() async throws -> EventBlock {
            let builder = try BlockBuilder(node: "node-1")
            for batch in try await log.read(after: 0, limit: 10) { try builder.add(batch) }
            return builder.finish(id: "b", day: ArrivalDay(of: Self.noon), ledger: [])
        }

        /// What another program reads in the file.
        private static func rows(of path: String, in folder: String) throws -> [JSONObject] {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: try #require(DuckDBTestFolder.program))
            let literal = path.replacing("'", with: "''")
            process.arguments = [
                "-jsonlines", "-c", "select * from read_parquet('\(literal)', hive_partitioning = false)",
            ]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            let answer = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return try answer.split(separator: UInt8(ascii: "\n")).map {
                try #require(try JSONValue(parsing: Array($0)).objectValue)
            }
        }
    }
}
