// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest
internal import Foundation
package import GRDB

/// The tables of a segment, version 1, and every statement on them.
///
/// A position in the log is the segment's number in the upper 32 bits and the row's `id` in the lower ones.
package enum EventSegmentSchema {
    /// `Flog` in ASCII: tells a segment from any other database.
    private static let applicationID: Int64 = 0x466C_6F67
    private static let version: Int64 = 1

    /// What a segment says about itself.
    package struct Head: Sendable {
        var number: Int64
        var createdAt: Int64
        var sealedAt: Int64?
    }

    static func position(segment: Int64, row: Int64) -> Int64 { segment << 32 | row }

    /// Whether nobody has written anything yet: the tables and the mark come in one transaction.
    static func isEmpty(_ db: Database) throws -> Bool {
        try Int64.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") == 0
    }

    static func create(_ db: Database, number: Int64, now: Int64) throws {
        try db.execute(
            sql: """
                CREATE TABLE segment (
                    only INTEGER PRIMARY KEY CHECK (only = 1),
                    number INTEGER NOT NULL,
                    created_at INTEGER NOT NULL,
                    sealed_at INTEGER
                ) STRICT;
                CREATE TABLE batch (
                    id INTEGER PRIMARY KEY,
                    received_at INTEGER NOT NULL,
                    sent_at INTEGER,
                    environment TEXT NOT NULL,
                    key_kind TEXT NOT NULL,
                    event_count INTEGER NOT NULL,
                    exposure_count INTEGER NOT NULL,
                    raw_bytes INTEGER NOT NULL,
                    payload BLOB NOT NULL
                ) STRICT;
                CREATE TABLE total (
                    environment TEXT PRIMARY KEY,
                    batches INTEGER NOT NULL,
                    events INTEGER NOT NULL,
                    exposures INTEGER NOT NULL,
                    raw_bytes INTEGER NOT NULL,
                    stored_bytes INTEGER NOT NULL,
                    last_id INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID;
                PRAGMA application_id = \(applicationID);
                PRAGMA user_version = \(version);
                """
        )
        try db.execute(sql: "INSERT INTO segment VALUES (1, ?, ?, NULL)", arguments: [number, now])
    }

    /// Reads what the segment says about itself.
    /// - Throws: `.unsupportedVersion` if a newer Floodgate wrote it, `.corrupt` if it is no segment of that number.
    static func head(_ db: Database, number: Int64) throws -> Head {
        guard try Int64.fetchOne(db, sql: "PRAGMA application_id") == applicationID else {
            throw EventLogError(.corrupt, "The file is not a segment of an event log")
        }
        let version = try Int64.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        guard version <= Self.version else {
            let message = "The segment has format version \(version); this Floodgate reads up to \(Self.version)"
            throw EventLogError(.unsupportedVersion, message)
        }
        guard let row = try Row.fetchOne(db, sql: "SELECT number, created_at, sealed_at FROM segment"),
            let found = Int64.fromDatabaseValue(row["number"]),
            let createdAt = Int64.fromDatabaseValue(row["created_at"]), found == number
        else { throw EventLogError(.corrupt, "The file does not say that it is segment \(number)") }
        return Head(number: found, createdAt: createdAt, sealedAt: Int64.fromDatabaseValue(row["sealed_at"]))
    }

    /// Has SQLite look at every page.
    static func check(_ db: Database) throws {
        let complaint = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "no answer"
        guard complaint == "ok" else { throw EventLogError(.corrupt, "SQLite finds: \(complaint)") }
    }

    static func insert(_ batch: LoggedBatch, into db: Database, segment: Int64) throws -> Int64 {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO batch
                    (received_at, sent_at, environment, key_kind, event_count, exposure_count, raw_bytes, payload)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        try statement.execute(arguments: [
            batch.receivedAt, batch.sentAt, batch.environment, batch.keyKind, batch.eventCount, batch.exposureCount,
            batch.rawSizeBytes, Data(batch.payload),
        ])
        return position(segment: segment, row: db.lastInsertedRowID)
    }

    static func batches(_ db: Database, segment: Int64, from row: Int64, limit: Int) throws -> [LoggedBatch] {
        let cursor = try Row.fetchCursor(
            db,
            sql: """
                SELECT id, received_at, sent_at, environment, key_kind, event_count, exposure_count, raw_bytes, payload
                FROM batch WHERE id >= ? ORDER BY id LIMIT ?
                """,
            arguments: [row, limit]
        )
        var batches: [LoggedBatch] = []
        while let row = try cursor.next() {
            // The columns' types are the table's (STRICT), unless the file was tampered with.
            guard let id = Int64.fromDatabaseValue(row[0]), 1...Int64(UInt32.max) ~= id,
                let receivedAt = Int64.fromDatabaseValue(row[1]),
                let environment = String.fromDatabaseValue(row[3]), let keyKind = String.fromDatabaseValue(row[4]),
                let eventCount = Int.fromDatabaseValue(row[5]), let exposureCount = Int.fromDatabaseValue(row[6]),
                let rawBytes = Int.fromDatabaseValue(row[7]), let payload = Data.fromDatabaseValue(row[8])
            else { throw EventLogError(.corrupt, "Segment \(segment) has a row that is no batch") }
            batches.append(
                LoggedBatch(
                    id: position(segment: segment, row: id),
                    receivedAt: receivedAt,
                    sentAt: Int64.fromDatabaseValue(row[2]),
                    environment: environment,
                    keyKind: keyKind,
                    eventCount: eventCount,
                    exposureCount: exposureCount,
                    rawSizeBytes: rawBytes,
                    payload: Array(payload)
                )
            )
        }
        return batches
    }

    /// The columns of `total` from the rows.
    ///
    /// Without the inner query SQLite sorts the rows with their payloads, which takes five times as long.
    private static let sums = """
        WITH row AS MATERIALIZED (
            SELECT environment, event_count, exposure_count, raw_bytes, length(payload) AS stored_bytes, id FROM batch
        )
        SELECT environment, count(*), sum(event_count), sum(exposure_count), sum(raw_bytes), sum(stored_bytes), max(id)
        FROM row GROUP BY environment
        """

    /// The sums of the segment: those written at its sealing, or counted now.
    package static func counts(_ db: Database, _ head: Head) throws -> EventCounts {
        var counts = EventCounts()
        let rows = try Row.fetchCursor(
            db,
            sql: head.sealedAt != nil
                ? "SELECT environment, batches, events, exposures, raw_bytes, stored_bytes, last_id FROM total"
                : sums
        )
        while let row = try rows.next() {
            let numbers = (1...6).compactMap { Int64.fromDatabaseValue(row[$0]) }
            guard numbers.count == 6, let environment = String.fromDatabaseValue(row[0]) else {
                throw EventLogError(.corrupt, "Segment \(head.number) has sums that are no numbers")
            }
            counts.batches &+= numbers[0]
            counts.events &+= numbers[1]
            counts.exposures &+= numbers[2]
            counts.rawBytes &+= numbers[3]
            counts.storedBytes &+= numbers[4]
            counts.eventsByEnvironment[environment, default: 0] &+= numbers[1]
            counts.lastPosition = max(counts.lastPosition, position(segment: head.number, row: numbers[5]))
        }
        return counts
    }

    static func seal(_ db: Database, now: Int64) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO total " + sums
        )
        try db.execute(sql: "UPDATE segment SET sealed_at = ?", arguments: [now])
    }
}
