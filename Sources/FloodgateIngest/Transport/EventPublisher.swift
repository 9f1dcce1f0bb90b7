// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import Logging
internal import Synchronization

/// Sends what the log of this node takes in on to the transport, each batch until it has arrived there.
///
/// Batches go out in the order of the log, many at a time, those that are late or sent again beside those that are new, and never
/// out of the log: that is for the warehouse's commit to
/// decide. A batch whose acknowledgement was lost is sent again under the same id. A broker that has lost what it acknowledged
/// is noticed, and gets again all that the log still holds.
package final class EventPublisher: Sendable {
    struct Waiter {
        var deadline: ContinuousClock.Instant
        var continuation: CheckedContinuation<Result<Void, TransportError>, Never>
    }

    struct State {
        var window = PublishWindow(mark: 0)
        var waiters: [Int64: [Waiter]] = [:]
        var published: Int64 = 0
        var failures: [TransportError.Code: Int64] = [:]
        var trouble: TransportError?
        /// Since when no attempt succeeds; nil if the last one did.
        var troubledSince: ContinuousClock.Instant?
        var isRunning = false
        /// The last batch that was in the log at the start, which an earlier run may have sent.
        var lastBefore: Int64 = 0
        /// What is known of the partitions at the broker.
        var sight = BrokerSight()
        /// Partitions that have lost something, which nothing was done about yet.
        var lost: Set<Int> = []
        /// What is sent again, beside what is new.
        var again: ResentStretch?
        /// What had arrived before a loss that was elsewhere: it is passed over.
        var passing: (arrived: PublishWindow, lost: Set<Int>)?
        var losses: Int64 = 0
        /// Up to which segment of the log batches may have been sent twice.
        var resentThrough: Int64 = 0
        /// Up to where the broker holds nothing any more.
        var settled = SettledMark()
        /// Whether something failed since the broker was looked at.
        var isDoubtful = true
    }

    let log: any EventLog
    let transport: any EventTransport
    let node: String
    let options: EventPublisherOptions
    let logger: Logger
    let mark: PublishMark
    /// What the mark says; locked while it is written, so that nothing older takes the place of what is newer.
    let written = Mutex<PublishMark.Content?>(nil)
    let state = Mutex(State())
    /// Tells of a new batch, or of room for one.
    let wakeups = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Makes a publisher, which sends nothing until it runs.
    ///
    /// - Parameters:
    ///   - log: What is sent.
    ///   - transport: Where to.
    ///   - node: The name of this node; another one for another log, since positions begin anew there.
    ///   - markFile: Where the publisher notes how far it is; in a folder that is there.
    ///   - options: How it goes about it.
    ///   - logger: Told of trouble.
    package init(
        log: any EventLog,
        transport: any EventTransport,
        node: String,
        markFile: String,
        options: EventPublisherOptions = EventPublisherOptions(),
        logger: Logger
    ) {
        self.log = log
        self.transport = transport
        self.node = node
        self.options = options
        self.logger = logger
        mark = PublishMark(file: markFile)
    }

    /// How far the publisher is.
    package var status: EventPublisherStatus {
        state.withLock { state in
            EventPublisherStatus(
                mark: state.mark,
                inFlight: state.inFlight,
                waiting: state.waiters.values.reduce(0) { $0 + $1.count },
                published: state.published,
                losses: state.losses,
                resentThrough: state.resentThrough,
                settled: state.settled.position,
                failures: state.failures,
                trouble: state.trouble
            )
        }
    }

    /// Whether a batch that is appended now has a chance to arrive while its answer waits.
    package var isKeepingUp: Bool {
        state.withLock { $0.isRunning && isPatient(with: $0, at: .now) }
    }

    /// Returns when the batch at `position` of the log has all its copies at the broker.
    ///
    /// Whatever comes of waiting, the batch stays in the log and is sent until it arrives.
    /// - Throws: `.unavailable` if it took too long, or the broker is away for so long that waiting is in vain; `.closed`
    ///   if the publisher does not run.
    package func waitUntilReplicated(_ position: Int64) async throws(TransportError) {
        let result: Result<Void, TransportError> = await withCheckedContinuation { continuation in
            let known: Result<Void, TransportError>? = state.withLock { state in
                if state.hasArrived(position) { return .success(()) }
                guard state.isRunning else { return .failure(Self.closed) }
                let now = ContinuousClock.now
                guard isPatient(with: state, at: now) else { return .failure(late(state)) }
                let waiter = Waiter(deadline: now + options.patience, continuation: continuation)
                state.waiters[position, default: []].append(waiter)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
        return try result.get()
    }

    /// Says that the log may have a new batch, so that nobody has to wait until it is looked at anyway.
    package func wake() {
        wakeups.continuation.yield()
    }

    static let closed = TransportError(.closed, "Events are not sent on now; the node is starting or stopping")

    func late(_ state: State) -> TransportError {
        let reason = state.trouble.map { ": \($0.message)" } ?? ""
        return TransportError(.unavailable, "The batch has no copies within \(options.patience)\(reason)")
    }

    private func isPatient(with state: State, at now: ContinuousClock.Instant) -> Bool {
        state.troubledSince.map { now - $0 < options.patience } ?? true
    }
}
