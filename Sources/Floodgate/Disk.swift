// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Synchronization

/// Keeps a disk at arm's length: one thread does what is to be done with files, one job at a time, and nobody waits for
/// it longer than 2 s unless it says so, nor once the waiting task is cancelled.
///
/// The threads that run tasks must not wait for a disk, and one that hangs (a file server that is gone, a pipe in the
/// place of a file) would use up a pool that the application has a share in.
final class Disk: Sendable {
    private final class Job<Value: Sendable>: Sendable {
        let done = Latch()
        let outcome = Mutex<Result<Value, any Error>?>(nil)
    }

    private struct State {
        var jobCount = 0
        /// Jobs that were waited for in vain and have not ended: until they have, nobody waits for another.
        var stuck: Set<Int> = []
        var nextID = 0
    }

    static let patience: Duration = .seconds(2)
    /// Jobs that nobody waits for any more may be among them.
    private static let maxJobs = 4

    private let timing: Timing
    private let queue = DispatchQueue(label: "floodgate.disk")
    private let state = Mutex(State())

    init(timing: Timing) { self.timing = timing }

    /// Does `work` on the thread; when nobody waits any more, it is done all the same as soon as the disk lets it.
    /// - Parameters:
    ///   - patience: how long to wait; nil for as long as the task is not cancelled.
    ///   - work: what is to be done.
    /// - Returns: What came of it.
    /// - Throws: what `work` throws, and `ClientError` if nobody knows what came of it.
    func run<Value: Sendable>(
        within patience: Duration?,
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let id: Int? = state.withLock { state in
            guard state.stuck.isEmpty, state.jobCount < Self.maxJobs else { return nil }
            state.jobCount += 1
            state.nextID += 1
            return state.nextID
        }
        guard let id else { throw ClientError(.file, "The disk has not come back from an earlier call") }
        let job = Job<Value>()
        queue.async {
            let outcome = Result { try work() }
            self.state.withLock { state in
                job.outcome.withLock { $0 = outcome }
                state.jobCount -= 1
                state.stuck.remove(id)
            }
            job.done.open()
        }
        if let patience {
            await withDeadline(patience, timing) { await job.done.wait() }
        } else {
            await job.done.wait()
        }
        let isCancelled = Task.isCancelled
        let outcome = state.withLock { state in
            let outcome = job.outcome.withLock { $0 }
            if outcome == nil, !isCancelled { state.stuck.insert(id) }
            return outcome
        }
        if let outcome { return try outcome.get() }
        if isCancelled { throw ClientError(.cancelled, "The wait for the disk was cancelled") }
        throw ClientError(.file, "The disk did not answer in time")
    }
}
