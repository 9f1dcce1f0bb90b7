// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest
internal import GRDB

/// One database file of the event log, open for writing by its one writer.
package struct EventSegment: Sendable {
    let number: Int64
    let createdAt: Int64
    private let database: DatabaseQueue
    private(set) var counts: EventCounts
    /// Bytes that went into the log beside the file since they were last moved into the file, about.
    private var unmovedBytes = 0
    /// From so many bytes on they are moved.
    private static let mostUnmoved = 4 << 20

    /// Opens the segment, or makes it if there is no file, or one without content; if `checked`, looks at all of it.
    ///
    /// - Throws: `.corrupt` and `.unsupportedVersion` as `EventSegmentSchema.read`; else `.storage` or `.full`.
    package init(number: Int64, in folder: EventSegmentFolder, now: Int64, checked: Bool) throws(EventLogError) {
        do {
            let database = try DatabaseQueue(path: folder.path(of: number), configuration: Self.configuration)
            self.number = number
            self.database = database
            (createdAt, counts) = try database.writeWithoutTransaction { db in
                if try EventSegmentSchema.isEmpty(db) {
                    try db.inTransaction(.immediate) {
                        try EventSegmentSchema.create(db, number: number, now: now)
                        return .commit
                    }
                } else if checked {
                    try EventSegmentSchema.check(db)
                }
                var head = try EventSegmentSchema.head(db, number: number)
                try EventSegmentSchema.upgrade(db, head)
                head = try EventSegmentSchema.head(db, number: number)
                return (head.createdAt, try EventSegmentSchema.counts(db, head))
            }
            // The file and the log beside it; SQLite takes no notice if that fails.
            try folder.sync()
        } catch {
            throw EventLogError(database: error, "Segment \(folder.path(of: number)) cannot be opened")
        }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "floodgate.event-log"
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            // In this order: GRDB's own set-up of WAL would take `synchronous` down to NORMAL.
            try db.execute(sql: "PRAGMA journal_mode = WAL")
            try db.execute(sql: "PRAGMA synchronous = FULL")
            // The commit that fills the log up would not be answered before all of it is moved.
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            try db.execute(sql: "PRAGMA trusted_schema = OFF")
            try db.execute(sql: "PRAGMA cell_size_check = ON")
        }
        return configuration
    }

    /// Keeps `batches` in one transaction; on return they are on the disk.
    /// - Returns: Their positions in order.
    mutating func append(
        _ batches: [LoggedBatch],
        willCommit: (@Sendable (Int) throws -> Void)?
    ) throws(EventLogError) -> [Int64] {
        let number = number
        do {
            let positions = try database.writeWithoutTransaction { db in
                var positions: [Int64] = []
                positions.reserveCapacity(batches.count)
                try db.inTransaction(.immediate) {
                    for batch in batches {
                        positions.append(try EventSegmentSchema.insert(batch, into: db, segment: number))
                    }
                    try willCommit?(batches.count)
                    return .commit
                }
                return positions
            }
            for (position, batch) in zip(positions, batches) {
                var batch = batch
                batch.id = position
                counts.add(batch)
                unmovedBytes += batch.payload.count
            }
            // What a commit changes besides.
            unmovedBytes += 4 << 12
            return positions
        } catch {
            throw EventLogError(database: error, "A batch cannot be written to segment \(number)")
        }
    }

    /// Moves the log beside the file into the file if it has become long, so that it is written from its beginning again.
    ///
    /// Whoever waits for a commit should have been answered. What cannot be moved stays where it is for the next time.
    mutating func moveIfDue() {
        guard unmovedBytes >= Self.mostUnmoved else { return }
        unmovedBytes = 0
        try? database.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA wal_checkpoint(PASSIVE)") }
    }

    /// Bytes that the segment has in its file, about.
    var sizeBytes: Int64 { counts.storedBytes + counts.batches * 128 }

    /// Writes the sums into the segment and turns it into one file without a log beside it.
    ///
    /// While a reader has the file open the log beside it stays; the content is complete either way.
    func seal(now: Int64) throws(EventLogError) {
        do {
            try database.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    try EventSegmentSchema.seal(db, now: now)
                    return .commit
                }
                // A reader may hold the file for long, and a seal can wait: do not stand behind it.
                try db.execute(sql: "PRAGMA busy_timeout = 0")
                try? db.execute(sql: "PRAGMA journal_mode = DELETE")
            }
        } catch {
            throw EventLogError(database: error, "Segment \(number) cannot be sealed")
        }
        close()
    }

    /// How SQLite writes: 2 is FULL, where a commit ends with an fsync.
    package func modes() throws -> (synchronous: Int?, journal: String?) {
        try database.read { db in
            (
                try Int.fetchOne(db, sql: "PRAGMA synchronous"),
                try String.fetchOne(db, sql: "PRAGMA journal_mode")
            )
        }
    }

    /// Moves the log beside the file into the file, as far as readers allow, and lets go of both.
    package func close() { try? database.close() }
}
