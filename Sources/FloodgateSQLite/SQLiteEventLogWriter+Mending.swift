// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateIngest
internal import Logging

// What becomes of a disk that failed, and of the segments that it failed in, while the log runs.
extension SQLiteEventLogWriter {
    /// Whether there is something to look after.
    var needsMending: Bool { !failureTimes.isEmpty || !unsettled.isEmpty }

    /// Tries a disk that failed, and settles what it left open, unless that was done just now.
    mutating func mendIfDue() {
        guard needsMending else {
            lastMend = nil
            return
        }
        let time = now()
        let interval = Self.milliseconds(options.mendInterval)
        if let lastMend, (0..<interval).contains(time &- lastMend) { return }
        lastMend = time
        tryDisk(at: time)
        if failureTimes.isEmpty { settle() }
    }

    /// Finds out whether the disk takes events again, since whoever was told that it does not may send none any more.
    ///
    /// Only when appends have been silent for as long as the longest pause between them: while they come, they tell.
    private mutating func tryDisk(at time: Int64) {
        guard let last = failureTimes.last, !(0..<Self.longestPause).contains(time &- last) else { return }
        do throws(EventLogError) {
            try folder.tryWriting(options.commitSizeBytes)
            if let willCommit = options.willCommit {
                do { try willCommit(0) } catch { throw EventLogError(database: error, "The disk was tried") }
            }
            if segment == nil { segment = try nextSegment() }
            failureTimes = []
            pause = nil
            logger.notice("Events can be written again")
            queue.report(isHealthy: isHealthy, after: nil)
        } catch {
            note(error)
            queue.report(isHealthy: isHealthy, after: error.code)
        }
    }

    /// Seals each segment that was let go of, unless that was tried just now: all of a segment is read for it.
    mutating func settle() {
        let time = now()
        if let settlePause, (0..<settlePause.length).contains(time &- settlePause.since) { return }
        while let part = unsettled.first {
            switch SQLiteEventLogRecovery.settle(part.number, folder, now: time) {
            case .sealed(let settled):
                queue.exchange(part.counts, for: settled.counts)
                queue.reportSealed()
            case .damaged(let error):
                logger.error(
                    "A damaged event log segment is read as far as it goes, and copied at the next start",
                    metadata: ["file": "\(folder.name(of: part.number))", "error": "\(error)"]
                )
            case .unsettled:
                let length = settlePause.map { min($0.length * 2, Self.longestSettlePause) }
                settlePause = (time, length ?? max(1, Self.milliseconds(options.mendInterval)))
                return
            }
            unsettled.removeFirst()
        }
        settlePause = nil
    }

    /// Milliseconds.
    private static let longestSettlePause: Int64 = 60_000
}
