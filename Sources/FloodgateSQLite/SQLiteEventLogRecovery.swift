// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateIngest
internal import Logging

/// What was found when an event log was opened, for the log and for `doctor`.
package struct SQLiteEventLogRecovery: Sendable, Hashable {
    /// A damaged segment and what became of it.
    package struct SetAside: Sendable, Hashable {
        /// The file's name before.
        package var name: String
        /// The file's name now, in the same folder.
        package var newName: String
        /// What is wrong with it.
        package var reason: String
        /// What could be saved of it.
        package var salvage: SQLiteEventLogSalvage
    }

    /// Segments that can be read.
    package var segments = 0
    /// The segment that is gone on with; nil if the next append begins one.
    package var resumed: Int64?
    /// Segments that had been left open and are sealed now.
    package var sealed: [Int64] = []
    /// Segments that were damaged.
    package var setAside: [SetAside] = []
    /// Segments that cannot be opened for writing, as on a full disk; the next start looks at them again.
    package var unopened: [Int64] = []

    struct Result {
        var report = SQLiteEventLogRecovery()
        var segment: EventSegment?
        var counts = EventCounts()
        var highestNumber: Int64 = 0
    }

    /// Opens every segment, which has SQLite recover it; checks whole what is not sealed; seals what is not the newest.
    static func recover(
        _ folder: EventSegmentFolder,
        logger: Logger,
        now: () -> Int64
    ) throws(EventLogError) -> Result {
        var result = Result()
        let (numbers, highest) = try folder.segments()
        result.highestNumber = highest
        let reader = SQLiteEventLogReader(folder: folder.path)
        // A newer format anywhere means that this program is the wrong one: find out before anything is changed.
        var heads: [(number: Int64, head: Swift.Result<EventSegmentSchema.Head?, EventLogError>)] = []
        for number in numbers {
            do throws(EventLogError) {
                heads.append((number, .success(try reader.inspect(number) { _, head in head })))
            } catch {
                guard error.code != .unsupportedVersion else { throw error }
                heads.append((number, .failure(error)))
            }
        }
        for (number, head) in heads {
            do throws(EventLogError) {
                // A seal that was cut off has left a log beside the file.
                let isSealed = try head.get()?.sealedAt != nil
                if isSealed, !folder.hasLogs(number) {
                    let counts = try reader.inspect(number, EventSegmentSchema.counts)
                    result.counts.add(counts ?? EventCounts())
                    result.report.segments += 1
                } else {
                    if isSealed { folder.unprotect(number) }
                    try resume(number, isSealed: isSealed, folder, now(), &result)
                }
            } catch {
                switch error.code {
                case .unsupportedVersion: throw error
                case .corrupt: try setAside(number, error, folder, reader, logger, now(), &result)
                default:
                    // A disk that is full or fails is no reason not to start: it can be read as far as it goes.
                    logger.error("An event log segment cannot be opened", metadata: ["error": "\(error)"])
                    if let counts = try? reader.inspect(number, EventSegmentSchema.counts) { result.counts.add(counts) }
                    result.report.unopened.append(number)
                }
            }
        }
        return result
    }

    /// What became of a segment that a log which runs had let go of.
    enum Settlement {
        case sealed(Result)
        /// Copying what can be read of it would give it the highest number, above one that is written to: the next start does.
        case damaged(EventLogError)
        /// As it was, and to be looked at again.
        case unsettled
    }

    /// Seals one segment that the log, which runs, has let go of.
    static func settle(_ number: Int64, _ folder: EventSegmentFolder, now: Int64) -> Settlement {
        var result = Result()
        do throws(EventLogError) {
            try seal(number, folder, now, &result)
            return result.report.sealed.isEmpty ? .unsettled : .sealed(result)
        } catch {
            return error.code == .corrupt ? .damaged(error) : .unsettled
        }
    }

    /// A damaged segment is copied as far as it can be read, and kept under another name.
    ///
    /// In this order, so that a kill in between leaves everything to the next start.
    private static func setAside(
        _ number: Int64,
        _ reason: EventLogError,
        _ folder: EventSegmentFolder,
        _ reader: SQLiteEventLogReader,
        _ logger: Logger,
        _ now: Int64,
        _ result: inout Result
    ) throws(EventLogError) {
        var salvage = SQLiteEventLogSalvage()
        do throws(EventLogError) {
            salvage = try self.salvage(number, folder, reader, now, &result)
        } catch {
            logger.error("The rows of a damaged segment could not be copied", metadata: ["error": "\(error)"])
            // Readers get what there is of it, until there is room for the copy.
            guard error.code == .corrupt else { return result.report.unopened.append(number) }
        }
        let newName = try folder.setAside(number, now: now)
        let part = SetAside(name: folder.name(of: number), newName: newName, reason: "\(reason)", salvage: salvage)
        result.report.setAside.append(part)
        logger.error(
            "A damaged event log segment was set aside",
            metadata: [
                "file": "\(part.name)", "renamed": "\(newName)", "error": "\(reason)",
                "salvaged.events": "\(salvage.events)",
                "lost.events": "\(salvage.lostEvents.map(String.init) ?? "unknown")",
            ]
        )
    }

    /// Copies the rows that can be read into a new segment and seals it; those that come later have higher numbers.
    private static func salvage(
        _ number: Int64,
        _ folder: EventSegmentFolder,
        _ reader: SQLiteEventLogReader,
        _ now: Int64,
        _ result: inout Result
    ) throws(EventLogError) -> SQLiteEventLogSalvage {
        var salvage = SQLiteEventLogSalvage()
        var target: EventSegment?
        var row: Int64 = 0
        // As many at a time as a commit may have of the smallest, since each is held in memory.
        while let batches = try? reader.salvage(number, after: row, limit: salvageGroup), let last = batches.last {
            row = last.id & 0xFFFF_FFFF
            if target == nil {
                guard result.highestNumber < EventSegmentFolder.largestNumber else { break }
                result.highestNumber += 1
                target = try EventSegment(number: result.highestNumber, in: folder, now: now, checked: false)
            }
            _ = try target?.append(batches, willCommit: nil)
            if target?.takeDueMove() ?? false { EventSegment.move(result.highestNumber, in: folder) }
            for batch in batches {
                salvage.batches += 1
                salvage.events &+= Int64(batch.eventCount)
            }
        }
        if let target {
            salvage.segment = target.number
            result.counts.add(target.counts)
            result.report.segments += 1
            try target.seal(now: now)
            folder.protect(target.number)
        }
        if let stated = try? reader.inspect(number, EventSegmentSchema.counts) {
            salvage.lostEvents = max(0, stated.events &- salvage.events)
        }
        return salvage
    }

    private static let salvageGroup = 64

    /// A segment that was left open: the newest is gone on with, any other is sealed, again if that was cut off.
    private static func resume(
        _ number: Int64,
        isSealed: Bool,
        _ folder: EventSegmentFolder,
        _ now: Int64,
        _ result: inout Result
    ) throws(EventLogError) {
        // What was salvaged has the highest number, and nothing is appended below it.
        guard number == result.highestNumber, !isSealed else { return try seal(number, folder, now, &result) }
        try folder.renewLogs(number)
        let segment = try EventSegment(number: number, in: folder, now: now, checked: true)
        result.counts.add(segment.counts)
        result.report.segments += 1
        result.segment = segment
        result.report.resumed = number
    }

    /// Checks a segment and seals it; if only the seal fails, it can be read as it is.
    private static func seal(
        _ number: Int64,
        _ folder: EventSegmentFolder,
        _ now: Int64,
        _ result: inout Result
    ) throws(EventLogError) {
        try folder.renewLogs(number)
        let segment = try EventSegment(number: number, in: folder, now: now, checked: true)
        result.counts.add(segment.counts)
        result.report.segments += 1
        do {
            try segment.seal(now: now)
            folder.protect(number)
            result.report.sealed.append(number)
        } catch {
            // As with a full disk.
            segment.close()
        }
    }
}
