// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest
internal import Foundation
internal import GRDB

/// One database file of the event log, open for writing by its one writer.
package struct EventSegment: Sendable {
    let number: Int64
    private let database: DatabaseQueue
    private(set) var counts: EventCounts
    /// When the first batch came, or the segment was made if it had some when it was opened, in Unix milliseconds.
    private(set) var begunAt: Int64
    /// Bytes that went into the log beside the file since somebody was last asked to move them into it, about.
    private var unmovedBytes = 0
    /// From so many bytes on they are moved: few, so that the disk never has much of it to write at a time.
    private static let mostUnmoved = 4 << 20
    /// Bytes of a page in segments that are made now; older ones have pages of 4 KiB.
    private static let pageSize = 1 << 14

    /// Opens the segment, or makes it if there is no file, or one without content; if `checked`, looks at all of it.
    ///
    /// - Throws: `.corrupt` and `.unsupportedVersion` as `EventSegmentSchema.read`; else `.storage` or `.full`.
    package init(number: Int64, in folder: EventSegmentFolder, now: Int64, checked: Bool) throws(EventLogError) {
        do {
            let database = try DatabaseQueue(path: folder.path(of: number), configuration: Self.configuration)
            self.number = number
            self.database = database
            let createdAt: Int64
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
            begunAt = counts.batches > 0 ? createdAt : now
            // The file and the log beside it; SQLite takes no notice if that fails.
            try folder.sync()
        } catch {
            throw EventLogError(database: error, "Segment \(folder.path(of: number)) cannot be opened")
        }
    }

    /// Makes an empty segment at `path`, one file that is on the disk, without opening it.
    static func make(number: Int64, at path: String, now: Int64) throws(EventLogError) {
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try database.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    try EventSegmentSchema.create(db, number: number, now: now)
                    return .commit
                }
                // What closing does it does not tell: tables that are in the log alone would be left behind with it.
                let outcome = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                guard outcome.flatMap({ Int.fromDatabaseValue($0[0]) }) == 0 else {
                    throw EventLogError(.storage, "Somebody else has it open")
                }
            }
            try database.close()
            guard access(path + "-wal", F_OK) != 0 else { throw EventLogError(.storage, "Its log stayed") }
        } catch {
            throw EventLogError(database: error, "Segment \(number) cannot be made at \(path)")
        }
    }

    /// Notes that the first batch comes.
    mutating func begin(at now: Int64) {
        if counts.batches == 0 { begunAt = now }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "floodgate.event-log"
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            // A batch of a thousand events is some 40 KiB, and SQLite writes each page by itself.
            try db.execute(sql: "PRAGMA page_size = \(pageSize)")
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
            unmovedBytes += 2 * Self.pageSize
            return positions
        } catch {
            throw EventLogError(database: error, "A batch cannot be written to segment \(number)")
        }
    }

    /// Whether so much has been committed that it is to be moved into the file; says so once.
    mutating func takeDueMove() -> Bool {
        guard unmovedBytes >= Self.mostUnmoved else { return false }
        unmovedBytes = 0
        return true
    }

    /// Moves all of the log beside the file into the file, so that the next commit writes it from its beginning again.
    ///
    /// Between two commits: a mover beside the writer never has all of it. What cannot be moved stays where it is.
    /// - Parameter givesBack: Whether the log's room goes back to the disk, unless a reader is about it.
    func moveAll(givesBack: Bool) {
        try? database.writeWithoutTransaction { db in
            guard givesBack else { return try db.execute(sql: "PRAGMA wal_checkpoint(PASSIVE)") }
            // Commits wait for this; it does not wait for readers.
            try db.execute(sql: "PRAGMA busy_timeout = 0")
            defer { try? db.execute(sql: "PRAGMA busy_timeout = 5000") }
            try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
    }

    /// Moves the log beside a segment into the file as far as it was committed, while its writer goes on.
    ///
    /// A connection of its own, for as long as that takes: commits do not wait for it. What cannot be moved stays where it is.
    /// - Returns: How long the log is, moved or not, in bytes; nil if nothing could be done.
    @discardableResult
    static func move(_ number: Int64, in folder: EventSegmentFolder) -> Int? {
        guard folder.exists(number),
            let database = try? DatabaseQueue(path: folder.path(of: number), configuration: configuration)
        else { return nil }
        defer { try? database.close() }
        return try? database.writeWithoutTransaction { db in
            let pageSize = try Int.fetchOne(db, sql: "PRAGMA page_size")
            let outcome = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(PASSIVE)")
            let frames = outcome.flatMap { Int.fromDatabaseValue($0[1]) }
            guard let pageSize, let frames, frames >= 0 else { return nil }
            // A header, and one before each page.
            return 32 + frames * (24 + pageSize)
        }
    }

    /// Bytes that the segment has in its file, about.
    var sizeBytes: Int64 { counts.storedBytes + counts.batches * 128 }

    /// Writes the sums into the segment and turns it into one file without a log beside it.
    ///
    /// While a reader has the file open the log beside it stays; the content is complete either way.
    /// - Parameters:
    ///   - now: The time in Unix milliseconds.
    ///   - attempts: How often to try that, 20 ms apart: readers of the log let go of a file soon.
    /// - Throws: `.storage` or `.full`; then the segment is open as before.
    func seal(now: Int64, attempts: Int = 1) throws(EventLogError) {
        do {
            try database.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    try EventSegmentSchema.seal(db, now: now)
                    return .commit
                }
                // Whoever waits behind a seal does not wait for a reader, too.
                try db.execute(sql: "PRAGMA busy_timeout = 0")
                for attempt in 1...max(1, attempts) {
                    do {
                        try db.execute(sql: "PRAGMA journal_mode = DELETE")
                        break
                    } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && attempt < attempts {
                        Thread.sleep(forTimeInterval: 0.02)
                    } catch {
                        break
                    }
                }
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
