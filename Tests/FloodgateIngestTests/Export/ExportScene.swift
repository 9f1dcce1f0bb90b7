// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateGzip
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse
import Foundation
import Logging
import Synchronization

/// A log, a folder, and exporters and webhooks that come and go.
final class ExportScene: Sendable {
    /// 15:07 on 15 June 2025.
    static let afternoon: Int64 = 1_750_000_020_000
    static let hour: Int64 = 3_600_000
    static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    let log = InMemoryEventLog()
    let clock = Mutex(ExportScene.afternoon)
    let root = FileManager.default.temporaryDirectory.path + "/floodgate-export-" + UUID().uuidString

    init() throws {
        try FileManager.default.createDirectory(atPath: root + "/data", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    var folder: String { root + "/it's out" }
    var plan: String { root + "/data/export.json" }

    func pass(_ milliseconds: Int64) { clock.withLock { $0 += milliseconds } }

    /// A new exporter of the log, as after a restart.
    func exporter(
        _ format: ExportSettings.Format = .ndjson,
        node: String = "node-1",
        volume: any ExportVolume = DiskVolume(),
        parquet: (any ParquetWriting)? = nil,
        logEnd: Int64 = .max,
        _ change: (inout ExportOptions) -> Void = { _ in }
    ) throws -> EventExporter {
        var options = ExportOptions(node: node)
        change(&options)
        return try EventExporter(
            log: log,
            settings: ExportSettings("\(format.rawValue):\(folder)"),
            options: options,
            plan: plan,
            logEnd: logEnd,
            volume: volume,
            parquet: parquet,
            logger: Self.logger,
            now: { self.clock.withLock { $0 } },
            pause: { _ in },
            jitter: { 0.5 }
        )
    }

    /// A batch of events with these names; names that begin with `gate` are exposures.
    static func batch(_ names: [String], at time: Int64 = afternoon) throws -> LoggedBatch {
        let events = names.map { name in
            guard name.hasPrefix("gate") else {
                return Event(name: name, time: time, user: ["userID": "u"], value: 9.5, metadata: ["sku": "s"])
            }
            return Event(
                name: InternalEventName.gateExposure,
                time: time,
                user: ["userID": "u"],
                metadata: ["gate": .string(name), "gateValue": "true", "ruleID": "r"]
            )
        }
        return try LoggedBatch(
            packing: EventBatch(events: events, statsigMetadata: ["sdkType": "test"]),
            receivedAt: time,
            environment: "production",
            keyKind: "server"
        )
    }

    @discardableResult
    func append(_ names: [String], at time: Int64 = afternoon) async throws -> Int64 {
        try await log.append(Self.batch(names, at: time))
    }

    /// Appends a batch that is none.
    func appendCorrupt() async throws {
        var batch = try Self.batch(["lost"])
        batch.payload = [1, 2, 3]
        _ = try await log.append(batch)
    }

    /// Steps until there is nothing to do although all that waits is old.
    func drain(_ exporter: EventExporter) async {
        for _ in 0..<1_000 {
            guard await exporter.step() == .waiting else { continue }
            pass(600_000)
            if await exporter.step() == .waiting { return }
        }
    }

    /// Paths of files that are seen, in order.
    var files: [String] {
        let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.filter { !$0.hasPrefix(".") && $0.contains(".ndjson") || $0.hasSuffix(".parquet") }.sorted()
    }

    func content(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(path)")))
    }

    /// The rows of all files of a table that are compressed with gzip, in the order of paths.
    func rows(_ table: WarehouseTable) throws -> [JSONObject] {
        try files.filter { $0.hasPrefix(table.rawValue + "/") }.flatMap { path in
            try Gzip.decompress(content(path), limit: .max).split(separator: UInt8(ascii: "\n")).map {
                try JSONValue(parsing: Array($0)).objectValue ?? JSONObject()
            }
        }
    }

    func names(_ table: WarehouseTable) throws -> [String] { try rows(table).compactMap { $0.text("name") }.sorted() }
}
