// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// An event log without a disk: everybody's fake, and what a server without a data folder runs on.
package final class InMemoryEventLog: PromptEventLog {
    private struct State {
        var batches: [LoggedBatch] = []
        var counts = EventCounts()
        var failure: EventLogError?
        var fill = 0.0
    }

    private let state: Mutex<State>
    /// What positions of the log's one segment are behind.
    private let start: Int64

    /// Makes an empty log, whose positions are those of the segment with this number.
    package init(segment: Int64 = 0) {
        start = segment << 32
        var state = State()
        state.counts.lastPosition = start
        self.state = Mutex(state)
    }

    /// What every append throws from now on; nil lets them through again.
    package func fail(with failure: EventLogError?) {
        state.withLock { $0.failure = failure }
    }

    /// The share of a quota that the log says is taken.
    package var fill: Double {
        get { state.withLock { $0.fill } }
        set { state.withLock { $0.fill = newValue } }
    }

    package var trouble: EventLogError.Code? {
        state.withLock { $0.failure?.code == .overloaded ? nil : $0.failure?.code }
    }

    package var isAccepting: Bool {
        state.withLock { $0.failure?.code != .overloaded && $0.failure?.code != .closed }
    }

    package func append(_ batch: LoggedBatch) async throws(EventLogError) -> Int64 { try keep(batch).get() }

    package func append(_ batch: LoggedBatch, then: @escaping @Sendable (Result<Int64, EventLogError>) -> Void) {
        then(keep(batch))
    }

    private func keep(_ batch: LoggedBatch) -> Result<Int64, EventLogError> {
        state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            var batch = batch
            batch.id = start &+ Int64(state.batches.count) &+ 1
            state.batches.append(batch)
            state.counts.add(batch)
            return .success(batch.id)
        }
    }

    package func read(after position: Int64, limit: Int) async throws(EventLogError) -> [LoggedBatch] {
        state.withLock { state in
            let start = max(
                0,
                min(Int(clamping: position.subtractingReportingOverflow(self.start).partialValue), state.batches.count)
            )
            return Array(state.batches[start...].prefix(max(0, limit)))
        }
    }

    package func segments() async throws(EventLogError) -> [LoggedSegment] {
        state.withLock { state in
            guard !state.batches.isEmpty else { return [] }
            var segment = LoggedSegment(number: start >> 32, isSealed: false)
            for batch in state.batches { segment.add(batch.sums, environment: batch.environment, at: batch.receivedAt) }
            return [segment]
        }
    }

    package func counts() async throws(EventLogError) -> EventCounts {
        state.withLock { $0.counts }
    }
}
