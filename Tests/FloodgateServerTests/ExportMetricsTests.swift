// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateServer
import FloodgateSQLite
import Foundation
import Logging
import Synchronization
import Testing

@Suite("Metrics of exports") struct ExportMetricsTests {
    @Test func `tell of rows, files, posts, failures and lag`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/floodgate-exports-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let data = DataFolder(path: folder + "/data")
        try data.prepare()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let log = try SQLiteEventLog(folder: data.eventFolder, logger: logger) { 10_000 }
        for time in [1_000, 2_000] as [Int64] {
            let batch = try LoggedBatch(
                packing: EventBatch(events: [Event(name: "e", time: time), Event(name: "f", time: time)]),
                receivedAt: time,
                environment: "production",
                keyKind: "server"
            )
            _ = try await log.append(batch)
        }
        var settings = ServerSettings(dataFolder: data.path)
        settings.export = try ExportSettings("ndjson:\(folder)/out", interval: .seconds(1))
        // Nobody listens there.
        settings.webhook = try WebhookSettings(url: "http://127.0.0.1:1/", secret: "s")
        let registry = MetricsRegistry()
        // A clock that goes on, since files and posts wait for it.
        let clock = Ticking()
        let exports = try #require(
            try EventExports(
                settings,
                log: log,
                folder: data,
                registry: registry,
                now: { clock.next },
                logger: logger
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await exports.run() }
            let wanted = [
                "export_rows_total 4\n", "export_files_total 1\n", "export_lag_seconds 0\n",
                "webhook_failures_total{reason=\"unreachable\"}", "webhook_posts_total 0\n",
            ]
            while !wanted.allSatisfy({ registry.text.contains($0) }) {
                await exports.show()
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(!registry.text.contains("webhook_lag_seconds 0\n"), "the first event waits")
            group.cancelAll()
        }
        await log.shutdown()
    }
}

/// A clock that goes on by half a second whenever it is looked at.
private final class Ticking: Sendable {
    private let time = Atomic<Int64>(10_000)

    var next: Int64 { time.add(500, ordering: .relaxed).newValue }
}
