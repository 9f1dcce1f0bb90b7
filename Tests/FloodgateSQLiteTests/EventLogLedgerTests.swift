// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateSQLite
import Foundation
import GRDB
import Testing

@Suite("The ledger of the event log", .timeLimit(.minutes(2))) struct EventLogLedgerTests {
    private let folder = EventLogTestFolder()

    private func summed(_ number: Int, minute: Int64) throws -> LoggedBatch {
        var batch = try batch(number)
        batch.receivedAt = minute * 60_000 + Int64(number)
        batch.idXor = UInt64(number) << 60 | 0xABCD
        batch.idSum = .max - UInt64(number)
        return batch
    }

    @Test func `says the same of a segment before and after it is sealed, and after a restart`() async throws {
        var options = SQLiteEventLogOptions()
        options.segmentAge = .seconds(3600)
        let log = try folder.open(options)
        var expected: [Int64: LoggedSums] = [:]
        for number in 1...9 {
            let batch = try summed(number, minute: Int64(number / 4))
            _ = try await log.append(batch)
            let known = expected[Int64(number / 4)]
            expected[Int64(number / 4)] = LoggedSums(
                batches: (known?.batches ?? 0) + 1,
                events: (known?.events ?? 0) + Int64(batch.eventCount),
                idXor: (known?.idXor ?? 0) ^ (batch.idXor ?? 0),
                idSum: (known?.idSum ?? 0) &+ (batch.idSum ?? 0)
            )
        }
        let open = try #require(try await log.segments().first)
        #expect(!open.isSealed)
        #expect(open.entries.count == 3)
        for (key, sums) in open.entries { #expect(sums == expected[key.minute / 60_000]) }
        await log.shutdown()

        options.segmentSizeBytes = 1
        let again = try folder.open(options)
        _ = try await again.append(try summed(10, minute: 5))
        var segments = try await again.segments()
        // The first is sealed beside the batches of the second.
        while segments.first?.isSealed == false {
            try await Task.sleep(for: .milliseconds(2))
            segments = try await again.segments()
        }
        #expect(segments.map(\.number) == [1, 2])
        #expect(segments[0].isSealed)
        #expect(segments[0].entries == open.entries)
        #expect(try await folder.reader.segments() == segments)
        await again.shutdown()
    }

    @Test func `does not know the ids of a segment of the first version, which is read and gone on with`() async throws
    {
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        let old = try batch(1)
        try await DatabaseQueue(path: folder.path + "/segment-00000001.sqlite").write { db in
            try db.execute(
                sql: """
                    CREATE TABLE segment (
                        only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL, created_at INTEGER NOT NULL,
                        sealed_at INTEGER
                    ) STRICT;
                    CREATE TABLE batch (
                        id INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, sent_at INTEGER, environment TEXT NOT NULL,
                        key_kind TEXT NOT NULL, event_count INTEGER NOT NULL, exposure_count INTEGER NOT NULL,
                        raw_bytes INTEGER NOT NULL, payload BLOB NOT NULL
                    ) STRICT;
                    CREATE TABLE total (
                        environment TEXT PRIMARY KEY, batches INTEGER NOT NULL, events INTEGER NOT NULL,
                        exposures INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,
                        last_id INTEGER NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    PRAGMA application_id = 0x466C6F67;
                    PRAGMA user_version = 1;
                    INSERT INTO segment VALUES (1, 1, 1, NULL);
                    """
            )
            try db.execute(
                sql: "INSERT INTO batch VALUES (1, 1, NULL, 'production', 'server', 1, 0, ?, ?)",
                arguments: [old.rawSizeBytes, Data(old.payload)]
            )
        }
        #expect(try await folder.reader.read(after: 0, limit: 9).map(\.payload) == [old.payload])
        #expect(try await folder.reader.segments().first?.entries.values.first?.idXor == .none)

        let log = try folder.open(now: { 2 })
        #expect(log.recoveryReport.resumed == 1)
        _ = try await log.append(try summed(2, minute: 7))
        let segment = try #require(try await log.segments().first)
        #expect(segment.number == 1)
        #expect(segment.entries[.init(environment: "production", minute: 0)]?.idXor == .none)
        #expect(segment.entries[.init(environment: "production", minute: 420_000)]?.idXor == 2 << 60 | 0xABCD)
        let batches = try await log.read(after: 0, limit: 9)
        #expect(batches.map(\.idSum) == [nil, .max - 2])
        #expect(try batches[0].unpack().events.count == 1)
        await log.shutdown()
    }
}
