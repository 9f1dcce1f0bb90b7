// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// An event log whose appends return when the broker has copies too: the class `replicated`.
package struct ReplicatedEventLog: EventLog {
    private let log: any EventLog
    private let publisher: EventPublisher

    /// Makes the log over `log`, which `publisher` follows.
    package init(log: any EventLog, publisher: EventPublisher) {
        self.log = log
        self.publisher = publisher
    }

    /// Whether an append has a chance now: not while the broker is away for longer than answers wait.
    package var isAccepting: Bool { log.isAccepting && publisher.isKeepingUp }

    /// Keeps `batch` in the log and returns its position when the broker has all its copies.
    ///
    /// A batch whose append throws `.unreplicated` is in the log and arrives later; when it is sent again, its ids tell.
    /// - Throws: What the log throws; `.unreplicated` if the broker does not take the batch in time.
    package func append(_ batch: LoggedBatch) async throws(EventLogError) -> Int64 {
        let position = try await log.append(batch)
        publisher.wake()
        do throws(TransportError) {
            try await publisher.waitUntilReplicated(position)
        } catch {
            throw EventLogError(.unreplicated, "Batch \(position) has no copies at the broker yet", cause: error)
        }
        return position
    }

    package func read(after position: Int64, limit: Int) async throws(EventLogError) -> [LoggedBatch] {
        try await log.read(after: position, limit: limit)
    }

    package func committed(through position: Int64, storedAt: Int64?) async {
        await log.committed(through: position, storedAt: storedAt)
    }

    package var fill: Double { log.fill }

    package var trouble: EventLogError.Code? { log.trouble ?? (publisher.isKeepingUp ? nil : .unreplicated) }

    package func segments() async throws(EventLogError) -> [LoggedSegment] { try await log.segments() }

    package func counts() async throws(EventLogError) -> EventCounts { try await log.counts() }
}
