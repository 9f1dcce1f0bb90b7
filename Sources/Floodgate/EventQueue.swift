// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents
internal import Synchronization

/// Where callers leave events: bounded in number and bytes, the oldest batch going first; never waits for anything.
final class EventQueue: Sendable {
    /// Events that travel together.
    struct Chunk: Sendable {
        var events: [QueuedEvent] = []
        var bytes = 0
    }

    fileprivate struct State {
        var open = Chunk()
        var closed: [Chunk] = []
        var bytes = 0
        /// Memory of a batch that was sent, for the next one.
        var spare: [QueuedEvent] = []
        var logged = 0
        var isAccepting = true
        var nonExposedChecks: [String: Int] = [:]
    }

    /// Names in one count of checks without exposure.
    private static let maxNames = 10_000

    private let signal = Mutex<AsyncStream<Void>.Continuation?>(nil)
    private let window = ExposureWindow()
    private let state = Mutex(State())
    private let batchSize: Int
    private let maxPending: Int
    private let maxBytes: Int
    private let counts: EventCounts
    private let timing: Timing

    init(settings: Settings, timing: Timing, counts: EventCounts) {
        self.batchSize = settings.options.eventBatchSize
        self.maxPending = settings.options.maxPendingBatches
        self.maxBytes = settings.options.maxEventBytes
        self.counts = counts
        self.timing = timing
    }

    /// A stream that yields whenever a batch is full; takes the place of the one before.
    func fullBatches() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        signal.withLock { $0 = continuation }
        return stream
    }

    /// Whether an exposure says something new within `length` nanoseconds.
    @inline(__always)
    func isNew(_ key: ExposureKey, window length: Int64) -> Bool {
        window.admits(key, at: timing.monotonic(), window: length)
    }

    /// Appends an event; makes room for it if it must.
    func append(_ event: consuming QueuedEvent) {
        let size = event.sizeEstimate
        // Moved, not copied, into the batch: its many references are counted once.
        var pending: QueuedEvent? = consume event
        // Freed outside the lock: it may hold thousands of events.
        var evicted: [Chunk] = []
        let outcome: (refusal: EventStatistics.DropReason?, isFull: Bool) = state.withLock { state in
            state.logged += 1
            guard state.isAccepting else { return (.shutdown, false) }
            guard size <= maxBytes else { return (.tooLarge, false) }
            if let event = pending.take() { state.open.events.append(event) }
            state.open.bytes += size
            state.bytes += size
            let isFull = state.open.events.count >= batchSize || state.open.bytes >= maxBytes / 8
            if isFull { state.close(expecting: batchSize) }
            while state.closed.count > maxPending || state.bytes > maxBytes, !state.closed.isEmpty {
                let oldest = state.closed.removeFirst()
                state.bytes -= oldest.bytes
                evicted.append(oldest)
            }
            return (nil, isFull)
        }
        if let refusal = outcome.refusal { counts.dropped(1, refusal) }
        if outcome.isFull { signal.withLock { $0 }?.yield() }
        for chunk in evicted { counts.dropped(chunk.events.count, .overflow) }
    }

    /// Takes back a batch that was sent, to fill its memory again.
    func recycle(_ chunk: consuming Chunk) {
        // Emptied outside the lock.
        var events = chunk.events
        chunk.events = []
        events.removeAll(keepingCapacity: true)
        state.withLock { state in
            if state.spare.capacity < events.capacity { swap(&state.spare, &events) }
        }
    }

    /// Counts a check that was made without exposure.
    func countNonExposed(_ name: String) {
        state.withLock { state in
            guard state.isAccepting, state.nonExposedChecks.count < Self.maxNames || state.nonExposedChecks[name] != nil
            else { return }
            state.nonExposedChecks[name, default: 0] += 1
        }
    }

    /// The counts of checks without exposure, which start again at nothing.
    func takeNonExposed() -> [String: Int] {
        state.withLock { state in
            // They become an event of their own.
            if !state.nonExposedChecks.isEmpty { state.logged += 1 }
            defer { state.nonExposedChecks = [:] }
            return state.nonExposedChecks
        }
    }

    /// The oldest batch, if there is a full one; with `partial`, also one that is not.
    func take(partial: Bool) -> Chunk? {
        state.withLock { state in
            if state.closed.isEmpty {
                guard partial, !state.open.events.isEmpty else { return nil }
                state.close(expecting: 0)
            }
            let chunk = state.closed.removeFirst()
            state.bytes -= chunk.bytes
            return chunk
        }
    }

    /// Whether anything waits, and whether that is a full batch.
    var backlog: (any: Bool, full: Bool) {
        state.withLock { state in
            let isFull = !state.closed.isEmpty
            return (isFull || !state.open.events.isEmpty || !state.nonExposedChecks.isEmpty, isFull)
        }
    }

    /// How many events there have been.
    var loggedCount: Int { state.withLock { $0.logged } }

    /// Takes events from now on, or drops them.
    func setAccepting(_ isAccepting: Bool) { state.withLock { $0.isAccepting = isAccepting } }
}

extension EventQueue.State {
    /// Ends the open batch, and makes room for `count` events at once in the next.
    fileprivate mutating func close(expecting count: Int) {
        closed.append(open)
        open = EventQueue.Chunk(events: spare)
        spare = []
        open.events.reserveCapacity(count)
    }
}
