// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest
internal import Dispatch
package import GRDB

/// Reads an event log from any process, while its writer runs, after it has stopped, or after it was killed.
///
/// It takes no lock and changes no data. SQLite may put `-wal` and `-shm` files beside a segment that it reads; where
/// the folder does not allow that, a segment that was closed properly is read without them.
package struct SQLiteEventLogReader: Sendable {
    let folder: EventSegmentFolder
    // Reading blocks, so it has a thread of its own.
    private let worker = DispatchQueue(label: "floodgate.event-log.reader")

    /// Makes a reader of the log in `folder`, which is `events` in the data folder.
    package init(folder: String) {
        self.folder = EventSegmentFolder(path: folder)
    }

    /// Up to `limit` batches behind `position` in rising order; 0 is before the first.
    ///
    /// What cannot be read of a damaged segment is passed over, so that nobody stands still before it.
    package func read(after position: Int64, limit: Int) async throws(EventLogError) -> [LoggedBatch] {
        try await perform { () throws(EventLogError) in
            var batches: [LoggedBatch] = []
            let start = max(0, position)
            for number in try folder.segments().numbers where number >= start >> 32 {
                guard batches.count < limit else { break }
                let row = number == start >> 32 ? start & 0xFFFF_FFFF : 0
                let missing = limit - batches.count
                do throws(EventLogError) {
                    let found = try inspect(number) { db, head in
                        try EventSegmentSchema.batches(db, head, from: row + 1, limit: missing)
                    }
                    batches.append(contentsOf: found ?? [])
                } catch {
                    guard error.code == .corrupt else { throw error }
                    batches.append(contentsOf: try salvage(number, after: row, limit: missing))
                }
            }
            return batches
        }
    }

    /// What can still be read of a damaged segment, as its ledger; it is not sealed, so that nobody removes it.
    private func salvagedLedger(_ number: Int64) throws(EventLogError) -> LoggedSegment {
        var segment = LoggedSegment(number: number, isSealed: false)
        var row: Int64 = 0
        while true {
            let batches = try salvage(number, after: row, limit: 64)
            guard let last = batches.last else { return segment }
            for batch in batches { segment.add(batch.sums, environment: batch.environment, at: batch.receivedAt) }
            row = last.id & 0xFFFF_FFFF
        }
    }

    /// Up to `limit` batches of a damaged segment, without those that the damage has hit.
    func salvage(_ number: Int64, after row: Int64, limit: Int) throws(EventLogError) -> [LoggedBatch] {
        do throws(EventLogError) {
            return try inspect(number, isWhole: false) { db, head in
                try EventSegmentSalvage(db: db, head: head).batches(after: row, limit: limit)
            } ?? []
        } catch {
            // Not even its tables can be read.
            guard error.code == .corrupt else { throw error }
            return []
        }
    }

    /// What the log holds now.
    package func counts() async throws(EventLogError) -> EventCounts {
        try await perform { () throws(EventLogError) in
            var counts = EventCounts()
            for number in try folder.segments().numbers {
                guard let part = try inspect(number, EventSegmentSchema.counts) else { continue }
                counts.add(part)
            }
            return counts
        }
    }

    /// What each segment accepted, in rising order: the log's side of the ledger.
    package func segments() async throws(EventLogError) -> [LoggedSegment] {
        try await perform { () throws(EventLogError) in
            var segments: [LoggedSegment] = []
            for number in try folder.segments().numbers {
                do throws(EventLogError) {
                    if let segment = try inspect(number, EventSegmentSchema.ledger) { segments.append(segment) }
                } catch {
                    guard error.code == .corrupt else { throw error }
                    segments.append(try salvagedLedger(number))
                }
            }
            return segments
        }
    }

    /// The position of the newest batch, where `events tail` begins; 0 if there is none.
    package func lastPosition() async throws(EventLogError) -> Int64 { try await counts().lastPosition }

    func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws(EventLogError) -> Value
    ) async throws(EventLogError) -> Value {
        let result: Result<Value, EventLogError> = await withCheckedContinuation { continuation in
            worker.async { continuation.resume(returning: Result(catching: work)) }
        }
        return try result.get()
    }

    /// Opens a segment for as long as `body` runs; nil if it is gone, or is just being made.
    ///
    /// If it is not whole `body` runs without a transaction, which would not outlive the first error.
    func inspect<Value>(
        _ number: Int64,
        isWhole: Bool = true,
        _ body: (Database, EventSegmentSchema.Head) throws -> Value
    ) throws(EventLogError) -> Value? {
        let path = folder.path(of: number)
        do {
            do {
                return try Self.open(path, number, isWhole: isWhole, body)
            } catch let error as DatabaseError where Self.isRefused(error) {
                guard folder.exists(number) else { return nil }
                // No room for the files that SQLite wants beside it: true only of a folder that nobody writes to.
                return try Self.open("file:\(Self.escaped(path))?immutable=1", number, isWhole: isWhole, body)
            }
        } catch {
            if !folder.exists(number) { return nil }
            throw EventLogError(database: error, "Segment \(path) cannot be read")
        }
    }

    package static func open<Value>(
        _ path: String,
        _ number: Int64,
        isWhole: Bool = true,
        _ body: (Database, EventSegmentSchema.Head) throws -> Value
    ) throws -> Value? {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.label = "floodgate.event-log.reader"
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA trusted_schema = OFF")
            try db.execute(sql: "PRAGMA cell_size_check = ON")
        }
        let database = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? database.close() }
        func read(_ db: Database) throws -> Value? {
            guard try !EventSegmentSchema.isEmpty(db) else { return nil }
            return try body(db, try EventSegmentSchema.head(db, number: number))
        }
        return try isWhole ? database.read(read) : database.unsafeRead(read)
    }

    private static func isRefused(_ error: DatabaseError) -> Bool {
        error.resultCode == .SQLITE_CANTOPEN || error.resultCode == .SQLITE_READONLY
    }

    /// A path inside a URI.
    package static func escaped(_ path: String) -> String {
        var text = ""
        for scalar in path.unicodeScalars {
            switch scalar {
            case "%": text += "%25"
            case "?": text += "%3f"
            case "#": text += "%23"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension EventCounts {
    /// Takes the counts of a part off that is gone; the last position stays.
    mutating func remove(_ other: EventCounts) {
        batches &-= other.batches
        events &-= other.events
        exposures &-= other.exposures
        rawBytes &-= other.rawBytes
        storedBytes &-= other.storedBytes
        for (environment, count) in other.eventsByEnvironment { eventsByEnvironment[environment, default: 0] &-= count }
        eventsByEnvironment = eventsByEnvironment.filter { $0.value != 0 }
    }

    /// Adds the counts of another part of the same log.
    mutating func add(_ other: EventCounts) {
        batches &+= other.batches
        events &+= other.events
        exposures &+= other.exposures
        rawBytes &+= other.rawBytes
        storedBytes &+= other.storedBytes
        lastPosition = max(lastPosition, other.lastPosition)
        for (environment, count) in other.eventsByEnvironment { eventsByEnvironment[environment, default: 0] &+= count }
    }
}
