// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateServer
import FloodgateSQLite
import Foundation
import Logging
import Synchronization
import Testing

/// `--warehouse none:trim`: the log forgets what nobody has, and says so.
@Suite("Trimming a log without a warehouse") final class LogTrimmerTests: Sendable {
    private static let day: Int64 = 86_400_000
    private let path = FileManager.default.temporaryDirectory.path + "/floodgate-trim-" + UUID().uuidString
    private let clock = Mutex<Int64>(0)
    private let exported = Mutex<Int64>(.max)
    private let registry = MetricsRegistry()
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A log whose every batch seals a segment of its own, a day each, but the newest.
    private func filled(_ days: Int64, quota: Int64 = 1 << 40) async throws -> SQLiteEventLog {
        var options = SQLiteEventLogOptions()
        options.segmentSizeBytes = 1
        options.quotaBytes = quota
        let log = try SQLiteEventLog(folder: path, options: options, logger: logger) { [self] in
            clock.withLock { $0 }
        }
        for day in 0..<days {
            clock.withLock { $0 = day * Self.day }
            let batch = try LoggedBatch(
                packing: EventBatch(events: [Event(name: "e", time: day), Event(name: "f", time: day)]),
                receivedAt: day * Self.day,
                environment: "production",
                keyKind: "server"
            )
            _ = try await log.append(batch)
        }
        return log
    }

    private func trimmer(_ log: SQLiteEventLog, days: Int32?) -> LogTrimmer {
        LogTrimmer(
            log,
            keepingDays: days,
            exported: { [self] in exported.withLock { $0 } },
            registry: registry,
            now: { [self] in clock.withLock { $0 } },
            logger: logger
        )
    }

    private func kept(_ log: SQLiteEventLog) async throws -> [Int64] {
        try await log.read(after: 0, limit: 100).map { $0.receivedAt / Self.day }
    }

    @Test func `removes what is old, and counts it`() async throws {
        let log = try await filled(10)
        await trimmer(log, days: nil).trim()
        #expect(try await kept(log) == Array(0..<10), "nothing is old where nothing says when")
        await trimmer(log, days: 4).trim()
        // Each is sealed when the next one comes, a day later.
        #expect(try await kept(log) == [5, 6, 7, 8, 9])
        #expect(registry.text.contains("events_trimmed_total 10\n"))
        #expect(try await log.counts().events == 10)
        await log.shutdown()
    }

    @Test func `removes the oldest when there is no room, down to what takes anything again`() async throws {
        let first = try await filled(10)
        let bytes = Double(try await first.counts().storedBytes) + 10 * 128
        await first.shutdown()
        var options = SQLiteEventLogOptions()
        options.quotaBytes = Int64(bytes / 0.9)
        let log = try SQLiteEventLog(folder: path, options: options, logger: logger) { 0 }
        #expect(log.fill > 0.85)
        await trimmer(log, days: nil).trim()
        #expect(try await kept(log) == [3, 4, 5, 6, 7, 8, 9])
        #expect(log.fill <= 0.7)
        await log.shutdown()
    }

    @Test func `keeps what is still to be exported, however full it is`() async throws {
        let log = try await filled(10, quota: 1)
        exported.withLock { $0 = 3 << 32 | 0xFFFF_FFFF }
        await trimmer(log, days: 1).trim()
        #expect(try await kept(log) == [3, 4, 5, 6, 7, 8, 9])
        exported.withLock { $0 = 0 }
        await trimmer(log, days: 1).trim()
        #expect(try await kept(log).count == 7)
        await log.shutdown()
    }

    @Test(arguments: [("none", false), ("none:trim", true)])
    func `is asked for by name`(text: String, trims: Bool) throws {
        #expect(try WarehouseSetting(text) == .none(trims: trims))
        #expect(throws: StartFailure.self) { try WarehouseSetting("none:") }
    }
}
