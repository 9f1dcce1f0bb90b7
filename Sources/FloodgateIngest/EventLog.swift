// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a loader takes batches from, in order: a log, or a partition of the transport.
package protocol BatchSource: Sendable {
    /// Up to `limit` batches behind `position` in rising order; 0 is before the first.
    ///
    /// None in between is left out, and none come only if there are none yet.
    func read(after position: Int64, limit: Int) async throws(EventLogError) -> [LoggedBatch]

    /// Says that all up to `position` is in the warehouse, and will not be read again; the newest of it is from `storedAt`, when
    /// the broker took it in, or nil if that is not known.
    func committed(through position: Int64, storedAt: Int64?) async
}

extension BatchSource {
    /// Does nothing: a log is trimmed by whoever keeps it.
    package func committed(through position: Int64, storedAt: Int64?) async {}
}

/// Where accepted batches are kept until analysis has them; every adapter passes `checkEventLog`.
package protocol EventLog: BatchSource {
    /// Whether an append has a chance now; cheap, so that overload is answered before a body is looked at.
    var isAccepting: Bool { get }

    /// Why appends fail, not for a moment but until something changes; nil if they do not, as far as is known; cheap.
    ///
    /// A log that is in trouble finds out by itself when it is not any more: whoever asks may send nothing meanwhile.
    var trouble: EventLogError.Code? { get }

    /// The share of its quota that the log takes, 0 for none; cheap, so that it is asked for each request.
    var fill: Double { get }

    /// Keeps `batch` and returns its position, which is above every earlier one, only when it is durable.
    ///
    /// The batch's own `id` is not read. Cancelling the caller's task does not take the batch back.
    /// - Throws: `.overloaded`, `.full`, `.closed` or `.storage`; then the batch may be sent again.
    func append(_ batch: LoggedBatch) async throws(EventLogError) -> Int64

    /// What each part of the log accepted, in rising order of numbers, which are the upper 32 bits of positions.
    func segments() async throws(EventLogError) -> [LoggedSegment]

    /// What the log holds now.
    func counts() async throws(EventLogError) -> EventCounts
}

/// An event log that can be appended to by who cannot wait: an event loop.
package protocol PromptEventLog: EventLog {
    /// Keeps `batch`, and calls `then` once with what the other `append` would have returned or thrown.
    ///
    /// It may be called on any thread, before this returns or later, and must not take long: others wait behind it.
    func append(_ batch: LoggedBatch, then: @escaping @Sendable (Result<Int64, EventLogError>) -> Void)
}

/// Why the event log did not do what it was asked to.
package struct EventLogError: Error, Sendable, CustomStringConvertible {
    /// Stable: answers and metrics hang on it.
    package enum Code: String, Sendable, CaseIterable {
        /// More waits to be written than the queue may hold; later is better.
        case overloaded
        /// The disk is full; the log goes on by itself when there is room.
        case full
        /// The batch is kept, but has no copies elsewhere yet; whoever sent it is to send it again.
        case unreplicated
        /// Somebody else has changed what was to be replaced.
        case overtaken
        /// The log is shut down.
        case closed
        /// Another process writes to the folder.
        case locked
        /// The disk or the operating system failed.
        case storage
        /// A file is not what it should be.
        case corrupt
        /// A file was written by a newer Floodgate.
        case unsupportedVersion = "unsupported_version"
    }

    /// What kind of failure it is.
    package var code: Code
    /// What was found and what to do about it.
    package var message: String
    /// What the driver said, if it was its fault.
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        cause.map { "\(message) (\($0))" } ?? message
    }
}

/// How much an event log holds.
package struct EventCounts: Sendable, Hashable {
    /// Batches, one for each accepted request.
    package var batches: Int64 = 0
    /// Events in them.
    package var events: Int64 = 0
    /// Events among them that say that a unit was served a result.
    package var exposures: Int64 = 0
    /// Events by environment.
    package var eventsByEnvironment: [String: Int64] = [:]
    /// Bytes of the batches as they were decompressed.
    package var rawBytes: Int64 = 0
    /// Bytes of the batches as they are kept.
    package var storedBytes: Int64 = 0
    /// The position of the newest batch; 0 if there is none.
    package var lastPosition: Int64 = 0

    package init() {}

    /// Adds one batch.
    package mutating func add(_ batch: LoggedBatch) {
        batches += 1
        events += Int64(batch.eventCount)
        exposures += Int64(batch.exposureCount)
        eventsByEnvironment[batch.environment, default: 0] += Int64(batch.eventCount)
        rawBytes += Int64(batch.rawSizeBytes)
        storedBytes += Int64(batch.payload.count)
        lastPosition = max(lastPosition, batch.id)
    }
}
