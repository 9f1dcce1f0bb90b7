// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest
internal import Foundation

extension SQLiteEventLog {
    /// Removes sealed segments that were sealed before `time` and hold nothing behind `position`.
    ///
    /// The newest segment stays whatever it holds, since the numbers of those to come go on from there.
    /// - Parameters:
    ///   - position: Up to where nobody needs the log any more.
    ///   - time: Unix milliseconds.
    ///   - loaded: Which segments nobody needs any more; nil is all of them, and one without batches is always among them.
    /// - Returns: How many segments were removed.
    /// - Throws: `.storage` if a file cannot be read or removed.
    @discardableResult
    package func trim(
        through position: Int64,
        sealedBefore time: Int64,
        only loaded: Set<Int64>? = nil
    ) async throws(EventLogError) -> Int {
        let removed = try await reader.trim(through: position, sealedBefore: time, only: loaded)
        for counts in removed { queue.forget(counts) }
        return removed.count
    }
}

extension SQLiteEventLogReader {
    /// What the removed segments held.
    fileprivate func trim(
        through position: Int64,
        sealedBefore time: Int64,
        only loaded: Set<Int64>?
    ) async throws(EventLogError) -> [EventCounts] {
        try await perform { () throws(EventLogError) in
            var removed: [EventCounts] = []
            for number in try folder.segments().numbers.dropLast() where number <= position >> 32 {
                // One that cannot be read keeps itself, and no other.
                let found = try? inspect(number) { db, head in
                    (sealedAt: head.sealedAt, counts: try EventSegmentSchema.counts(db, head))
                }
                guard let found = found.flatMap(\.self), let sealedAt = found.sealedAt, sealedAt <= time,
                    found.counts.lastPosition <= position,
                    found.counts.batches == 0 || loaded?.contains(number) ?? true
                else { continue }
                try folder.remove(number)
                removed.append(found.counts)
            }
            return removed
        }
    }
}

extension EventSegmentFolder {
    /// Deletes a segment that nobody needs any more.
    fileprivate func remove(_ number: Int64) throws(EventLogError) {
        let path = path(of: number)
        guard unlink(path) == 0 else {
            throw EventLogError(.storage, "\(path) cannot be removed: \(String(cString: strerror(errno)))")
        }
        for part in ["-wal", "-shm", "-journal"] { _ = unlink(path + part) }
        try? sync()
    }
}
