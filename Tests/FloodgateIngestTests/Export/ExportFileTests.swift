// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateGzip
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse
import Foundation
import Synchronization
import Testing

@Suite("Export to files") struct ExportFileTests {
    let scene: ExportScene

    init() throws { scene = try ExportScene() }

    @Test func `writes files by table and hour of arrival`() async throws {
        try await scene.append(["e1", "gate1"])
        try await scene.append(["e2"])
        try await scene.append(["gate2"], at: ExportScene.afternoon + ExportScene.hour)
        try await scene.append(["e3"], at: ExportScene.afternoon + 9 * ExportScene.hour)
        let exporter = try scene.exporter()
        await scene.drain(exporter)
        #expect(
            scene.files == [
                "events/date=2025-06-15/hour=15/node-1-1-2.ndjson.gz",
                "events/date=2025-06-16/hour=00/node-1-4-4.ndjson.gz",
                "exposures/date=2025-06-15/hour=15/node-1-1-2.ndjson.gz",
                "exposures/date=2025-06-15/hour=16/node-1-3-3.ndjson.gz",
            ]
        )
        #expect(try scene.names(.events) == ["e1", "e2", "e3"])
        #expect(try scene.names(.exposures) == ["gate1", "gate2"])
        #expect(exporter.position == 4)
        let report = await exporter.report
        #expect(report.files == 4 && report.rows == 5 && report.waitingSince == nil && report.failures.isEmpty)
    }

    @Test(arguments: [8 << 20, 1])
    func `has the rows of the warehouse, however few are held in memory`(chunk: Int) async throws {
        for start in 0..<5 { try await scene.append((0..<20).map { "\($0 % 3 == 0 ? "gate" : "e")\(start)-\($0)" }) }
        await scene.drain(try scene.exporter { $0.chunkBytes = chunk })
        let builder = try BlockBuilder(node: "node-1")
        for batch in try await scene.log.read(after: 0, limit: 10) { try builder.add(batch) }
        let block = builder.finish(id: "b", day: ArrivalDay(of: ExportScene.afternoon), ledger: [])
        #expect(scene.files.count == 2)
        for (path, table) in zip(scene.files, [WarehouseTable.events, .exposures]) {
            #expect(try Gzip.decompress(scene.content(path), limit: .max) == block.rows[table])
        }
    }

    @Test func `compresses with zstd if it is asked to`() async throws {
        try await scene.append(["e1"])
        try await scene.append(["e2"])
        await scene.drain(try scene.exporter(.ndjsonZstd) { $0.chunkBytes = 1 })
        #expect(scene.files == ["events/date=2025-06-15/hour=15/node-1-1-2.ndjson.zst"])
        let rows = try Zstd.decompress(scene.content(scene.files[0]), limit: .max)
        #expect(rows.split(separator: UInt8(ascii: "\n")).count == 2)
    }

    @Test func `waits for more events, and no longer than its interval`() async throws {
        try await scene.append(["e1"])
        let exporter = try scene.exporter()
        #expect(await exporter.step() == .moved)
        scene.pass(299_999)
        try await scene.append(["e2"])
        #expect(await exporter.step() == .moved)
        #expect(await exporter.step() == .waiting)
        #expect(await exporter.report.waitingSince == ExportScene.afternoon)
        #expect(scene.files.isEmpty && exporter.position == 0, "what is in no file must stay in the log")
        scene.pass(1)
        #expect(await exporter.step() == .moved)
        #expect(exporter.position == 0)
        #expect(await exporter.step() == .moved)
        #expect(scene.files.count == 1 && exporter.position == 2)
    }

    @Test func `ends the file of an hour five minutes after it`() async throws {
        let settings = try ExportSettings("ndjson:\(scene.folder)", interval: .seconds(3_600))
        let exporter = try EventExporter(
            log: scene.log,
            settings: settings,
            options: ExportOptions(node: "n"),
            plan: scene.plan,
            logger: ExportScene.logger,
            now: { [scene] in scene.clock.withLock { $0 } }
        )
        try await scene.append(["e1"])
        // 16:04:59, with the hour over since 16:00.
        scene.pass(57 * 60_000)
        _ = await exporter.step()
        scene.pass(59_000)
        #expect(await exporter.step() == .waiting)
        scene.pass(1_000)
        #expect(await exporter.step() == .moved)
        #expect(await exporter.step() == .moved)
        #expect(scene.files == ["events/date=2025-06-15/hour=15/n-1-1.ndjson.gz"])
    }

    @Test func `begins another file when one is large`() async throws {
        for number in 0..<6 { try await scene.append(["e\(number)"]) }
        let size = try ExportScene.batch(["e0"]).rawSizeBytes
        await scene.drain(try scene.exporter { $0.sizeBytes = Int64(2 * size) })
        #expect(
            scene.files
                == ["1-2", "3-4", "5-6"].map { "events/date=2025-06-15/hour=15/node-1-\($0).ndjson.gz" }
        )
        #expect(try scene.names(.events) == (0..<6).map { "e\($0)" })
    }

    @Test(arguments: [ExportSettings.Format.ndjson, .parquet])
    func `writes the same files after being killed at any step`(format: ExportSettings.Format) async throws {
        let expected = [
            "events/date=2025-06-15/hour=15/node-1-1-2", "events/date=2025-06-15/hour=16/node-1-3-3",
            "exposures/date=2025-06-15/hour=15/node-1-1-2",
        ].map { "\($0).\(format.suffix)" }
        var lastOperation = 1
        while true {
            let scene = try ExportScene()
            try await scene.append(["e1", "gate1"])
            try await scene.append(["e2"])
            try await scene.append(["e3"], at: ExportScene.afternoon + ExportScene.hour)
            let volume = TroubledVolume()
            volume.change { $0.lastOperation = lastOperation }
            let first = try scene.exporter(format, volume: volume, parquet: CopyingWriter()) { $0.chunkBytes = 1 }
            while volume.operations < lastOperation {
                if await first.step() == .waiting { scene.pass(600_000) }
                if first.position == 3 { break }
            }
            // More events come before the next start: they must not change what was under way.
            try await scene.append(["e4"], at: ExportScene.afternoon + 2 * ExportScene.hour)
            let second = try scene.exporter(format, parquet: CopyingWriter())
            await scene.drain(second)
            let files = scene.files
            #expect(Array(files.filter { !$0.contains("hour=17") }) == expected, "killed at \(lastOperation)")
            if format == .ndjson { #expect(try scene.names(.events) == ["e1", "e2", "e3", "e4"]) }
            #expect(second.position == 4)
            #expect(try FileManager.default.subpathsOfDirectory(atPath: scene.folder + "/.incoming/node-1") == [])
            if volume.operations < lastOperation { break }
            lastOperation += 1
        }
        #expect(lastOperation > 30)
    }

    @Test func `tries again when the disk is full, and leaves no rests on it`() async throws {
        for number in 0..<4 { try await scene.append(["e\(number)"]) }
        let volume = TroubledVolume()
        let exporter = try scene.exporter(volume: volume) { $0.chunkBytes = 1 }
        _ = await exporter.step()
        scene.pass(300_000)
        _ = await exporter.step()
        volume.change { $0.fullAppends = 3 }
        for pause in [50, 100, 200] {
            #expect(await exporter.step() == .failed(.milliseconds(pause)))
            #expect(try FileManager.default.subpathsOfDirectory(atPath: scene.folder + "/.incoming/node-1") == [])
        }
        #expect(exporter.position == 0 && scene.files.isEmpty)
        #expect(await exporter.report.failures == ["full": 3])
        #expect(await exporter.step() == .moved)
        #expect(try scene.names(.events) == ["e0", "e1", "e2", "e3"])
        #expect(await exporter.report.lastError == nil)
    }

    @Test func `ends soon when it is cancelled, and writes the same files later`() async throws {
        for number in 0..<4 { try await scene.append(["e\(number)"]) }
        let exporter = try scene.exporter()
        _ = await exporter.step()
        scene.pass(300_000)
        _ = await exporter.step()
        let step = await withTaskGroup(of: LogFollowerStep.self) { group in
            group.cancelAll()
            group.addTask { await exporter.step() }
            return await group.next()
        }
        #expect(step == .waiting && exporter.position == 0 && scene.files.isEmpty)
        #expect(await exporter.report.failures.isEmpty)
        await scene.drain(try scene.exporter())
        #expect(scene.files == ["events/date=2025-06-15/hour=15/node-1-1-4.ndjson.gz"])
    }

    @Test func `exports a batch that cannot be read as a dead letter`() async throws {
        try await scene.append(["e1"])
        try await scene.appendCorrupt()
        try await scene.append(["e2"])
        await scene.drain(try scene.exporter())
        #expect(try scene.names(.events) == ["e1", "e2"])
        #expect(try scene.rows(.deadLetters).map { $0.text("reason") } == ["corrupt"])
    }

    @Test func `writes names out that clients only know hashed`() async throws {
        try await scene.append(["gate1"])
        let exporter = try scene.exporter()
        try await exporter.rename(["gate1": "new_checkout"])
        await scene.drain(exporter)
        #expect(try scene.names(.exposures) == ["new_checkout"])
    }

    @Test(arguments: [
        "{", #"{"node":"other","position":7,"piece":null}"#, #"{"node":"node-1","position":7,"piece":[1]}"#,
    ])
    func `exports all of a log that the plan is not of`(plan: String) async throws {
        try Data(plan.utf8).write(to: URL(fileURLWithPath: scene.plan))
        try await scene.append(["e1"])
        let exporter = try scene.exporter()
        #expect(exporter.position == 0)
        await scene.drain(exporter)
        #expect(try scene.names(.events) == ["e1"])
    }

    @Test(arguments: [(#""position":7,"piece":null"#, 7, 6), (#""position":3,"piece":[4,7,1]"#, 3, 6)])
    func `exports all of a log that ends before the plan`(plan: String, position: Int64, end: Int64) async throws {
        try Data("{\"node\":\"node-1\",\(plan)}".utf8).write(to: URL(fileURLWithPath: scene.plan))
        #expect(try scene.exporter(logEnd: end + 1).position == position)
        #expect(try scene.exporter(logEnd: end).position == 0)
        try await scene.append(["e1"])
        await scene.drain(try scene.exporter(logEnd: end))
        #expect(try scene.names(.events) == ["e1"])
    }

    @Test func `goes on behind what it exported`() async throws {
        try await scene.append(["e1"])
        await scene.drain(try scene.exporter())
        try await scene.append(["e2"])
        let again = try scene.exporter()
        #expect(again.position == 1)
        await scene.drain(again)
        #expect(await again.report.files == 1)
        #expect(try scene.names(.events) == ["e1", "e2"])
    }

    @Test func `names files in letters that any store takes, and differently for different nodes`() async throws {
        let nodes = [
            "a.b-1", "a_b", "a/b", "..", "Ärger", String(repeating: "l", count: 300),
            "l" + String(repeating: "l", count: 300),
        ]
        for node in nodes {
            try? FileManager.default.removeItem(atPath: scene.plan)
            try await scene.append(["e1"])
            await scene.drain(try scene.exporter(node: node))
        }
        let names = scene.files.map { ($0 as NSString).lastPathComponent }
        let words = Set(scene.files.compactMap { ($0 as NSString).lastPathComponent.split(separator: "-1-").first })
        #expect(names.count == nodes.count && words.count == nodes.count, "\(names)")
        #expect(
            names.allSatisfy {
                $0.utf8.count < 200
                    && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
            }
        )
        #expect(words.isSuperset(of: ["a.b", "a_5fb", "a_2fb", "_2e."]))
    }

    @Test func `leaves rows as JSON that do not fit into Parquet`() async throws {
        try await scene.append(["e1", "gate1"])
        let exporter = try scene.exporter(.parquet, parquet: CopyingWriter(refuses: .events))
        await scene.drain(exporter)
        #expect(
            scene.files == [
                "events/date=2025-06-15/hour=15/node-1-1-1.ndjson",
                "exposures/date=2025-06-15/hour=15/node-1-1-1.parquet",
            ]
        )
        #expect(exporter.position == 1)
    }
}

/// Takes rows for Parquet as they are.
private struct CopyingWriter: ParquetWriting {
    var refuses: WarehouseTable?

    func write(
        _ table: WarehouseTable,
        from source: String,
        longestLine: Int,
        to target: String
    ) async throws(WarehouseError) -> Int64 {
        guard table != refuses else { throw WarehouseError(.rejected, "no") }
        let rows = FileManager.default.contents(atPath: source) ?? Data()
        let lines = rows.split(separator: UInt8(ascii: "\n"))
        guard FileManager.default.createFile(atPath: target, contents: rows),
            longestLine == lines.map({ $0.count + 1 }).max()
        else { throw WarehouseError(.failed, target) }
        return Int64(lines.count)
    }
}
