// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest
internal import Foundation
package import GRDB

/// The tables of a segment, version 2, and every statement on them.
///
/// Version 1 had no sums over ids; a segment of it that is gone on with gets the columns.
///
/// A position in the log is the segment's number in the upper 32 bits and the row's `id` in the lower ones.
package enum EventSegmentSchema {
    /// `Flog` in ASCII: tells a segment from any other database.
    private static let applicationID: Int64 = 0x466C_6F67
    private static let version: Int64 = 2

    /// What a segment says about itself.
    package struct Head: Sendable {
        var number: Int64
        var createdAt: Int64
        var sealedAt: Int64?
        /// The version of the tables.
        var version: Int64

        /// What ids are made of, and the sums over them.
        var idColumns: String { version >= 2 ? "idempotency_key, id_xor, id_sum" : "NULL, NULL, NULL" }
        var idSums: String { version >= 2 ? "id_xor, id_sum" : "NULL, NULL" }
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
                    idempotency_key TEXT,
                    id_xor INTEGER,
                    id_sum INTEGER,
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
                \(ledgerTable)
                PRAGMA application_id = \(applicationID);
                PRAGMA user_version = \(version);
                """
        )
        try db.execute(sql: "INSERT INTO segment VALUES (1, ?, ?, NULL)", arguments: [number, now])
    }

    /// What was accepted, by environment and minute, as it is written at the sealing.
    private static let ledgerTable = """
        CREATE TABLE ledger (
            environment TEXT NOT NULL,
            minute INTEGER NOT NULL,
            batches INTEGER NOT NULL,
            events INTEGER NOT NULL,
            id_xor INTEGER,
            id_sum INTEGER,
            PRIMARY KEY (environment, minute)
        ) STRICT, WITHOUT ROWID;
        """

    /// Brings a segment of an older version that is written to again to this one.
    static func upgrade(_ db: Database, _ head: Head) throws {
        guard head.version < 2 else { return }
        try db.inTransaction(.immediate) {
            try db.execute(
                sql: """
                    ALTER TABLE batch ADD COLUMN idempotency_key TEXT;
                    ALTER TABLE batch ADD COLUMN id_xor INTEGER;
                    ALTER TABLE batch ADD COLUMN id_sum INTEGER;
                    \(ledgerTable)
                    PRAGMA user_version = \(version);
                    """
            )
            return .commit
        }
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
        let sealedAt = Int64.fromDatabaseValue(row["sealed_at"])
        return Head(number: found, createdAt: createdAt, sealedAt: sealedAt, version: version)
    }

    /// Has SQLite look at every page.
    static func check(_ db: Database) throws {
        let complaint = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "no answer"
        guard complaint == "ok" else { throw EventLogError(.corrupt, "SQLite finds: \(complaint)") }
    }

    static func insert(_ batch: LoggedBatch, into db: Database, segment: Int64) throws -> Int64 {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO batch (
                    received_at, sent_at, environment, key_kind, event_count, exposure_count, raw_bytes,
                    idempotency_key, id_xor, id_sum, payload
                ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        try statement.execute(arguments: [
            batch.receivedAt, batch.sentAt, batch.environment, batch.keyKind, batch.eventCount, batch.exposureCount,
            batch.rawSizeBytes, batch.idempotencyKey, batch.idXor.map(Int64.init(bitPattern:)),
            batch.idSum.map(Int64.init(bitPattern:)),
            Data(batch.payload),
        ])
        return position(segment: segment, row: db.lastInsertedRowID)
    }

    static func batches(_ db: Database, _ head: Head, from row: Int64, limit: Int) throws -> [LoggedBatch] {
        let segment = head.number
        let cursor = try Row.fetchCursor(
            db,
            sql: """
                SELECT id, received_at, sent_at, environment, key_kind, event_count, exposure_count, raw_bytes,
                    \(head.idColumns), payload
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
                let rawBytes = Int.fromDatabaseValue(row[7]), let payload = Data.fromDatabaseValue(row[11])
            else { throw EventLogError(.corrupt, "Segment \(segment) has a row that is no batch") }
            batches.append(
                LoggedBatch(
                    id: position(segment: segment, row: id),
                    receivedAt: receivedAt,
                    sentAt: Int64.fromDatabaseValue(row[2]),
                    environment: environment,
                    keyKind: keyKind,
                    idempotencyKey: String.fromDatabaseValue(row[8]),
                    eventCount: eventCount,
                    exposureCount: exposureCount,
                    rawSizeBytes: rawBytes,
                    idXor: Int64.fromDatabaseValue(row[9]).map(UInt64.init(bitPattern:)),
                    idSum: Int64.fromDatabaseValue(row[10]).map(UInt64.init(bitPattern:)),
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

    /// What was accepted, by environment and minute: as written at the sealing, or counted now.
    static func ledger(_ db: Database, _ head: Head) throws -> LoggedSegment {
        var segment = LoggedSegment(number: head.number, isSealed: head.sealedAt != nil)
        if head.sealedAt != nil, head.version >= 2 {
            let rows = try Row.fetchCursor(
                db,
                sql: "SELECT environment, minute, batches, events, id_xor, id_sum FROM ledger"
            )
            while let row = try rows.next() {
                guard let environment = String.fromDatabaseValue(row[0]), let minute = Int64.fromDatabaseValue(row[1]),
                    let batches = Int64.fromDatabaseValue(row[2]), let events = Int64.fromDatabaseValue(row[3])
                else { throw EventLogError(.corrupt, "Segment \(head.number) has a ledger that is none") }
                segment.add(
                    LoggedSums(
                        batches: batches,
                        events: events,
                        idXor: Int64.fromDatabaseValue(row[4]).map(UInt64.init(bitPattern:)),
                        idSum: Int64.fromDatabaseValue(row[5]).map(UInt64.init(bitPattern:))
                    ),
                    environment: environment,
                    at: minute
                )
            }
            return segment
        }
        let rows = try Row.fetchCursor(
            db,
            sql: "SELECT environment, received_at, event_count, \(head.idSums) FROM batch"
        )
        while let row = try rows.next() {
            guard let environment = String.fromDatabaseValue(row[0]), let time = Int64.fromDatabaseValue(row[1]),
                let events = Int64.fromDatabaseValue(row[2])
            else { throw EventLogError(.corrupt, "Segment \(head.number) has a row that is no batch") }
            segment.add(
                LoggedSums(
                    batches: 1,
                    events: events,
                    idXor: Int64.fromDatabaseValue(row[3]).map(UInt64.init(bitPattern:)),
                    idSum: Int64.fromDatabaseValue(row[4]).map(UInt64.init(bitPattern:))
                ),
                environment: environment,
                at: time
            )
        }
        return segment
    }

    static func seal(_ db: Database, now: Int64) throws {
        let head = try Row.fetchOne(db, sql: "SELECT number FROM segment")
        if let number = head.flatMap({ Int64.fromDatabaseValue($0["number"]) }) {
            var head = try Self.head(db, number: number)
            // Counted, whatever an earlier sealing wrote or did not write.
            head.sealedAt = nil
            let ledger = try Self.ledger(db, head)
            for (key, sums) in ledger.entries {
                try db.execute(
                    sql: "INSERT OR REPLACE INTO ledger VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        key.environment, key.minute, sums.batches, sums.events,
                        sums.idXor.map(Int64.init(bitPattern:)), sums.idSum.map(Int64.init(bitPattern:)),
                    ]
                )
            }
        }
        try db.execute(
            sql: "INSERT OR REPLACE INTO total " + sums
        )
        try db.execute(sql: "UPDATE segment SET sealed_at = ?", arguments: [now])
    }
}
