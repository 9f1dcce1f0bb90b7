// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest
package import Logging
internal import Foundation

/// `EventLog` in SQLite files: one file is one segment, one row is one batch, one commit is all that waited for it.
///
/// A thread of its own writes. It starts with the log and ends with `shutdown`, or when the log is let go of; until
/// then every append is answered, whether it is kept or not.
package final class SQLiteEventLog: PromptEventLog {
    /// What was found when the log was opened.
    package let recoveryReport: SQLiteEventLogRecovery
    let queue: SQLiteEventLogQueue
    let reader: SQLiteEventLogReader

    /// Opens the log in `folder` (`events` in the data folder), or makes it; goes on in the newest segment.
    ///
    /// A damaged segment is renamed and reported, never deleted, and the log goes on in a new one. `now` tells the time
    /// in Unix milliseconds.
    /// - Throws: `.locked` if another process writes to the folder, `.unsupportedVersion` if a newer Floodgate did
    ///   (nothing is changed then), `.storage` and `.full` if the disk is at fault.
    package init(
        folder path: String,
        options: SQLiteEventLogOptions = SQLiteEventLogOptions(),
        logger: Logger,
        now: @escaping @Sendable () -> Int64
    ) throws(EventLogError) {
        let folder = EventSegmentFolder(path: path)
        try folder.create()
        let lock = try SQLiteEventLogLock(folder: path)
        folder.removeSpare()
        let recovered = try SQLiteEventLogRecovery.recover(folder, logger: logger, now: now)
        recoveryReport = recovered.report
        queue = SQLiteEventLogQueue(options: options, counts: recovered.counts)
        reader = SQLiteEventLogReader(folder: path)
        let writer = SQLiteEventLogWriter(
            folder: folder,
            queue: queue,
            keeper: SQLiteEventLogKeeper(
                folder: folder,
                queue: queue,
                ampleBytes: options.ampleBytes,
                logger: logger,
                now: now
            ),
            options: options,
            segment: recovered.segment,
            highestNumber: recovered.highestNumber,
            logger: logger,
            now: now
        )
        let thread = Thread { [queue] in
            var writer = writer
            writer.run()
            lock.release()
            queue.finish()
        }
        thread.name = "event-log"
        thread.start()
    }

    deinit { queue.stop() }

    package var isAccepting: Bool { queue.isAccepting }

    package var trouble: EventLogError.Code? { queue.trouble }

    /// What the writer has done and what waits for it.
    package var status: SQLiteEventLogStatus { queue.status }

    /// The position of the newest batch; 0 if there is none.
    package var lastPosition: Int64 { queue.counts.lastPosition }

    package var fill: Double { queue.fill }

    package func append(_ batch: LoggedBatch) async throws(EventLogError) -> Int64 {
        let answer: SQLiteEventLogQueue.Answer = await withCheckedContinuation { continuation in
            queue.append(batch) { continuation.resume(returning: $0) }
        }
        return try answer.get()
    }

    package func append(_ batch: LoggedBatch, then: @escaping @Sendable (Result<Int64, EventLogError>) -> Void) {
        queue.append(batch, then: then)
    }

    package func read(after position: Int64, limit: Int) async throws(EventLogError) -> [LoggedBatch] {
        try await reader.read(after: position, limit: limit)
    }

    package func segments() async throws(EventLogError) -> [LoggedSegment] { try await reader.segments() }

    package func counts() async throws(EventLogError) -> EventCounts { queue.counts }

    /// Waits until the log is shut down; cancelling the task shuts it down.
    package func run() async {
        await withTaskCancellationHandler {
            await queue.waitUntilStopped()
        } onCancel: {
            queue.stop()
        }
    }

    /// Refuses further appends, commits what waits, closes the file, and returns when all of that is done.
    package func shutdown() async {
        queue.stop()
        await queue.waitUntilStopped()
    }
}

/// What the writer of an event log has done and what waits for it.
package struct SQLiteEventLogStatus: Sendable, Hashable {
    /// The number of the segment that is written to; nil if the next append begins one.
    package var segment: Int64?
    /// Batches that wait for their commit.
    package var queuedBatches = 0
    /// Bytes of payload that wait for their commit.
    package var queuedBytes = 0
    /// Transactions committed since the start.
    package var commits: Int64 = 0
    /// Segments sealed since the start.
    package var sealedSegments: Int64 = 0
    /// Transactions that failed since the start, by reason.
    package var failures: [EventLogError.Code: Int64] = [:]
    /// Whether fewer than three transactions failed in the last minute before the newest failure, or one has
    /// succeeded since, or the disk was tried and takes what is written.
    package var isHealthy = true
    /// Whether the log is shut down.
    package var isStopped = false
}
