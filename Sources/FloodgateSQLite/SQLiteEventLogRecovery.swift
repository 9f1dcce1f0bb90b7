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
    }

    /// Segments that can be read.
    package var segments = 0
    /// The segment that is gone on with; nil if the next append begins one.
    package var resumed: Int64?
    /// Segments that had been left open and are sealed now.
    package var sealed: [Int64] = []
    /// Segments that were damaged.
    package var setAside: [SetAside] = []

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
            do {
                heads.append((number, .success(try reader.inspect(number) { _, head in head })))
            } catch {
                guard error.code == .corrupt else { throw error }
                heads.append((number, .failure(error)))
            }
        }
        for (number, head) in heads {
            do {
                let head = try head.get()
                if head?.sealedAt != nil {
                    let counts = try reader.inspect(number, EventSegmentSchema.counts)
                    result.counts.add(counts ?? EventCounts())
                    result.report.segments += 1
                } else {
                    try resume(number, isNewest: number == highest, folder, now(), &result)
                }
            } catch {
                guard error.code == .corrupt else { throw error }
                let newName = try folder.setAside(number, now: now())
                let part = SetAside(name: folder.name(of: number), newName: newName, reason: "\(error)")
                result.report.setAside.append(part)
                logger.error(
                    "A damaged event log segment was set aside",
                    metadata: ["file": "\(part.name)", "renamed": "\(newName)", "error": "\(error)"]
                )
            }
        }
        return result
    }

    /// A segment that was left open: the newest is gone on with, any other is sealed.
    private static func resume(
        _ number: Int64,
        isNewest: Bool,
        _ folder: EventSegmentFolder,
        _ now: Int64,
        _ result: inout Result
    ) throws(EventLogError) {
        let segment = try EventSegment(number: number, in: folder, now: now, checked: true)
        result.counts.add(segment.counts)
        result.report.segments += 1
        if isNewest {
            result.segment = segment
            result.report.resumed = number
        } else {
            do {
                try segment.seal(now: now)
                folder.protect(number)
                result.report.sealed.append(number)
            } catch {
                // As with a full disk: it can be read as it is.
                segment.close()
            }
        }
    }
}
