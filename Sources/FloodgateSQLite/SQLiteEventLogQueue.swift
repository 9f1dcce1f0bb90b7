// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import FloodgateIngest
internal import Synchronization

/// What stands between the tasks that append and the thread that writes; bounded in bytes and in batches.
final class SQLiteEventLogQueue: Sendable {
    typealias Answer = Result<Int64, EventLogError>

    /// A batch and who waits for it.
    struct Item: Sendable {
        var batch: LoggedBatch
        var then: @Sendable (Answer) -> Void
    }

    /// What the writer is to do next.
    enum Work: Sendable {
        case write([Item])
        case look
        case stop
    }

    private struct State {
        var items: [Item] = []
        var status = SQLiteEventLogStatus()
        var counts: EventCounts
        var isStopping = false
        var isWriterAsleep = false
        var stopWaiters: [CheckedContinuation<Void, Never>] = []
        var lastFailure = EventLogError.Code.storage
    }

    private let options: SQLiteEventLogOptions
    private let state: Mutex<State>
    private let wake = DispatchSemaphore(value: 0)

    init(options: SQLiteEventLogOptions, counts: EventCounts) {
        self.options = options
        state = Mutex(State(counts: counts))
    }

    var status: SQLiteEventLogStatus { state.withLock { $0.status } }
    var counts: EventCounts { state.withLock { $0.counts } }

    var isAccepting: Bool {
        state.withLock { state in
            !state.isStopping && state.items.count < options.queueCount
                && state.status.queuedBytes < options.queueSizeBytes
        }
    }

    /// Why nothing can be written; nil if something can, as far as is known.
    var trouble: EventLogError.Code? {
        state.withLock { state in
            if state.isStopping { return .closed }
            return state.status.isHealthy ? nil : state.lastFailure
        }
    }

    /// The share of the quota that is taken: what is kept, and what waits to be.
    var fill: Double {
        state.withLock { state in
            let bytes = state.counts.storedBytes &+ state.counts.batches &* 128 &+ Int64(state.status.queuedBytes)
            return Double(bytes) / Double(max(1, options.quotaBytes))
        }
    }

    // MARK: The side of the tasks

    /// Has `batch` written; `then` is told what became of it, at once if it is refused, else on the writer's thread.
    func append(_ batch: LoggedBatch, then: @escaping @Sendable (Answer) -> Void) {
        let size = batch.payload.count
        var refusal: EventLogError?
        let wasAsleep = state.withLock { state in
            guard !state.isStopping else {
                refusal = EventLogError(.closed, "The event log is shut down")
                return false
            }
            // An empty queue takes any batch, or one that is larger than the queue could never be kept.
            guard
                state.items.isEmpty
                    || (state.items.count < options.queueCount
                        && size <= options.queueSizeBytes - state.status.queuedBytes)
            else {
                refusal = EventLogError(.overloaded, "\(state.items.count) batches wait to be written; try later")
                return false
            }
            state.items.append(Item(batch: batch, then: then))
            state.status.queuedBatches += 1
            state.status.queuedBytes += size
            defer { state.isWriterAsleep = false }
            return state.isWriterAsleep
        }
        if wasAsleep { wake.signal() }
        if let refusal { then(.failure(refusal)) }
    }

    func stop() {
        let wasAsleep = state.withLock { state in
            state.isStopping = true
            defer { state.isWriterAsleep = false }
            return state.isWriterAsleep
        }
        if wasAsleep { wake.signal() }
    }

    func waitUntilStopped() async {
        await withCheckedContinuation { continuation in
            let isStopped = state.withLock { state in
                if !state.status.isStopped { state.stopWaiters.append(continuation) }
                return state.status.isStopped
            }
            if isStopped { continuation.resume() }
        }
    }

    // MARK: The side of the writer's thread

    /// Waits for something to do; after `patience` there is at least time to look after the segment's age.
    func next(patience: DispatchTimeInterval) -> Work {
        if let work = take(sleepsIfEmpty: true) { return work }
        let isTimeout = wake.wait(timeout: .now() + patience) == .timedOut
        if isTimeout { state.withLock { $0.isWriterAsleep = false } }
        return take(sleepsIfEmpty: false) ?? .look
    }

    private func take(sleepsIfEmpty: Bool) -> Work? {
        state.withLock { state in
            guard !state.items.isEmpty else {
                if state.isStopping { return .stop }
                state.isWriterAsleep = sleepsIfEmpty
                return nil
            }
            var size = 0
            var count = 0
            while count < state.items.count {
                size += state.items[count].batch.payload.count
                if count > 0, size > options.commitSizeBytes { break }
                count += 1
            }
            let group = Array(state.items.prefix(count))
            state.items.removeFirst(count)
            return .write(group)
        }
    }

    /// Answers a group that `next` gave out; they leave the queue's count only now, so memory stays bounded.
    func answer(_ group: [Item], with result: Result<[Int64], EventLogError>, isHealthy: Bool) {
        state.withLock { state in
            state.status.queuedBatches -= group.count
            for item in group { state.status.queuedBytes -= item.batch.payload.count }
            state.status.isHealthy = isHealthy
            switch result {
            case .success(let positions):
                state.status.commits += 1
                for (item, position) in zip(group, positions) {
                    var batch = item.batch
                    batch.id = position
                    state.counts.add(batch)
                }
            case .failure(let error):
                state.lastFailure = error.code
                state.status.failures[error.code, default: 0] += 1
            }
        }
        switch result {
        case .success(let positions):
            for (item, position) in zip(group, positions) { item.then(.success(position)) }
        case .failure(let error): for item in group { item.then(.failure(error)) }
        }
    }

    /// Part of the log is gone.
    func forget(_ part: EventCounts) { state.withLock { $0.counts.remove(part) } }

    /// What was counted of a part is not what there is.
    func exchange(_ part: EventCounts, for other: EventCounts) {
        state.withLock { state in
            state.counts.remove(part)
            state.counts.add(other)
        }
    }

    /// Whether what is appended can be written; `failure` is why the last attempt failed, nil for no news of that.
    func report(isHealthy: Bool, after failure: EventLogError.Code?) {
        state.withLock { state in
            state.status.isHealthy = isHealthy
            state.lastFailure = failure ?? state.lastFailure
        }
    }

    func report(segment: Int64?) { state.withLock { $0.status.segment = segment } }

    func reportSealed() { state.withLock { $0.status.sealedSegments += 1 } }

    /// The writer's last word; nothing can wait in the queue then, since `stop` comes out of an empty one only.
    func finish() {
        let waiters = state.withLock { state in
            state.status.isStopped = true
            defer { state.stopWaiters = [] }
            return state.stopWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
