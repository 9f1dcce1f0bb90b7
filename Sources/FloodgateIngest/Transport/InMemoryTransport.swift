// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A transport inside one process: everybody's fake.
package final class InMemoryTransport: EventTransport {
    private struct Message {
        var delivery: TransportDelivery
        var isHeld = false
    }

    private struct State {
        var messages: [[Message]]
        var sequences: [UInt64]
        /// Where each batch is.
        var known: [String: TransportReceipt] = [:]
        var failure: TransportError?
        /// How many of the next batches are taken without an answer.
        var unanswered = 0
        var isClosed = false
        var notes: [Int: TransportNote] = [:]
        /// How many of the next notes are written without an answer.
        var unansweredNotes = 0
        var epoch: Int64 = 1
        /// Batches up to here are not taken.
        var refused: Int64 = 0
        /// How often somebody asked what a partition has.
        var answers = 0
        /// By how much the next extents are behind, and how many of them.
        var lag: (sequences: UInt64, answers: Int) = (0, 0)
        /// Goes on whatever is lost.
        var clock: Int64 = 1_000
    }

    package let partitionCount: Int
    private let state: Mutex<State>

    /// Makes an empty transport; fewer than one partition is one.
    package init(partitionCount: Int = 4) {
        self.partitionCount = max(1, partitionCount)
        state = Mutex(
            State(
                messages: Array(repeating: [], count: self.partitionCount),
                sequences: Array(repeating: 0, count: self.partitionCount)
            )
        )
    }

    /// What every call throws from now on; nil lets them through again.
    package func fail(with failure: TransportError?) {
        state.withLock { $0.failure = failure }
    }

    /// Takes the next `count` batches without an answer, and forgets their ids, as brokers that start before it is sent.
    package func loseAnswers(_ count: Int) { state.withLock { $0.unanswered = count } }

    /// Writes the next `count` notes without an answer, as a broker that loses its leader then.
    package func loseNotes(_ count: Int) { state.withLock { $0.unansweredNotes = count } }

    /// Has no batch up to `position` of a log taken from now on; 0 takes all again.
    package func refuse(through position: Int64) {
        state.withLock { $0.refused = position }
    }

    /// Takes back all that was handed out and not acknowledged, as after whoever held it died.
    package func forgetHolders() {
        state.withLock { state in
            for partition in state.messages.indices {
                for index in state.messages[partition].indices { state.messages[partition][index].isHeld = false }
            }
        }
    }

    package var isConnected: Bool { state.withLock { $0.failure == nil && !$0.isClosed } }

    package func prepare() async throws(TransportError) {
        try perform { _ in }
    }

    @discardableResult
    package func publish(_ batch: LoggedBatch, from node: String) async throws(TransportError) -> TransportReceipt {
        let envelope = try TransportEnvelope(batch, from: node)
        let partition = EventPartition.index(
            environment: batch.environment,
            position: batch.id,
            count: partitionCount
        )
        guard state.withLock({ $0.refused }) < batch.id else { throw TransportError(.unavailable, "Refused") }
        let receipt: TransportReceipt? = try perform { state in
            if var known = state.known[envelope.id] {
                known.isNew = false
                return known
            }
            state.sequences[partition] += 1
            state.clock += 1
            let delivery = TransportDelivery(
                node: node,
                batch: batch,
                partition: partition,
                epoch: state.epoch,
                sequence: state.sequences[partition],
                storedAt: state.clock,
                deliveryCount: 0,
                token: envelope.id
            )
            state.messages[partition].append(Message(delivery: delivery))
            if state.unanswered > 0 {
                state.unanswered -= 1
                return nil
            }
            let receipt = TransportReceipt(isNew: true, partition: partition, sequence: delivery.sequence)
            state.known[envelope.id] = receipt
            return receipt
        }
        guard let receipt else { throw TransportError(.unavailable, "No answer came") }
        return receipt
    }

    package func pull(
        partition: Int,
        limit: Int,
        within time: Duration
    ) async throws(TransportError) -> [TransportDelivery] {
        let found = try take(partition, limit)
        guard found.isEmpty, time > .zero else { return found }
        // Nobody is told when something comes; a fake may look twice.
        try? await Task.sleep(for: min(time, .milliseconds(10)))
        return try take(partition, limit)
    }

    package func extent(of partition: Int) async throws(TransportError) -> TransportExtent {
        try perform { state in
            guard state.messages.indices.contains(partition) else {
                return TransportExtent(epoch: 1, first: 1, last: 0)
            }
            state.answers += 1
            var last = state.sequences[partition]
            if state.lag.answers > 0 {
                state.lag.answers -= 1
                last -= min(last, state.lag.sequences)
            }
            let first = state.messages[partition].first?.delivery
            return TransportExtent(
                epoch: state.epoch,
                first: first?.sequence ?? last + 1,
                last: last,
                firstStoredAt: first?.storedAt
            )
        }
    }

    package func read(partition: Int, sequence: UInt64) async throws(TransportError) -> TransportDelivery? {
        try perform { state in
            guard state.messages.indices.contains(partition) else { return nil }
            var found = state.messages[partition].first { $0.delivery.sequence == sequence }?.delivery
            found?.token = ""
            return found
        }
    }

    package func isKept(
        _ position: Int64,
        of node: String,
        in partition: Int,
        at sequence: UInt64
    ) async throws(TransportError) -> Bool? {
        let found = try await read(partition: partition, sequence: sequence)
        return found.map { $0.node == node && $0.batch.id == position }
    }

    package func note(of partition: Int) async throws(TransportError) -> TransportNote {
        try perform { $0.notes[partition] ?? TransportNote() }
    }

    package func setNote(
        _ text: String,
        of partition: Int,
        replacing version: UInt64
    ) async throws(TransportError) -> UInt64 {
        let (new, isAnswered): (UInt64?, Bool) = try perform { state in
            guard (state.notes[partition]?.version ?? 0) == version else { return (nil, true) }
            state.clock += 1
            let new = UInt64(clamping: state.clock)
            state.notes[partition] = TransportNote(text: text, version: new)
            let isAnswered = state.unansweredNotes == 0
            if !isAnswered { state.unansweredNotes -= 1 }
            return (new, isAnswered)
        }
        guard isAnswered else { throw TransportError(.unavailable, "No answer came") }
        guard let new else { throw TransportError(.overtaken, "Another loader of partition \(partition) was here") }
        return new
    }

    /// Removes all there is and begins anew, as after the broker lost its disk.
    package func remake() {
        state.withLock { state in
            state.messages = Array(repeating: [], count: partitionCount)
            state.sequences = Array(repeating: 0, count: partitionCount)
            state.known = [:]
            state.notes = [:]
            state.epoch += 1
        }
    }

    /// Forgets what `partition` was given behind `sequence`, as after a broker lost power before it wrote it.
    package func goBack(partition: Int, to sequence: UInt64) {
        state.withLock { state in
            guard state.messages.indices.contains(partition) else { return }
            state.messages[partition].removeAll { $0.delivery.sequence > sequence }
            state.sequences[partition] = min(state.sequences[partition], sequence)
            state.known = state.known.filter { $0.value.partition != partition || $0.value.sequence <= sequence }
        }
    }

    /// How often somebody asked what a partition has.
    package var answers: Int { state.withLock { $0.answers } }

    /// Has the next `answers` about what a partition has be behind, as those of a leader that does not know all yet.
    package func lag(by sequences: UInt64, for answers: Int) {
        state.withLock { $0.lag = (sequences, answers) }
    }

    package func acknowledge(_ deliveries: [TransportDelivery]) async throws(TransportError) {
        try perform { state in
            for delivery in deliveries where state.messages.indices.contains(delivery.partition) {
                state.messages[delivery.partition].removeAll { $0.delivery.sequence == delivery.sequence }
            }
        }
    }

    package func extend(_ deliveries: [TransportDelivery]) async throws(TransportError) {
        try perform { _ in }
    }

    package func release(_ deliveries: [TransportDelivery]) async throws(TransportError) {
        try perform { state in
            for delivery in deliveries where state.messages.indices.contains(delivery.partition) {
                for index in state.messages[delivery.partition].indices
                where state.messages[delivery.partition][index].delivery.sequence == delivery.sequence {
                    state.messages[delivery.partition][index].isHeld = false
                }
            }
        }
    }

    package func status() async throws(TransportError) -> TransportStatus {
        try perform { state in
            let partitions = state.messages.enumerated().map { partition, messages in
                let given = messages.filter { $0.delivery.deliveryCount > 0 }
                return TransportStatus.Partition(
                    partition: partition,
                    pending: Int64(messages.count - given.count),
                    unacknowledged: Int64(given.count),
                    redelivered: Int64(given.count { $0.delivery.deliveryCount > 1 }),
                    storedBytes: messages.reduce(0) { $0 + Int64($1.delivery.batch.payload.count) }
                )
            }
            return TransportStatus(partitions: partitions, isConnected: true)
        }
    }

    package func shutdown() async {
        state.withLock { $0.isClosed = true }
    }

    private func take(_ partition: Int, _ limit: Int) throws(TransportError) -> [TransportDelivery] {
        try perform { state in
            guard state.messages.indices.contains(partition) else { return [] }
            var found: [TransportDelivery] = []
            for index in state.messages[partition].indices where !state.messages[partition][index].isHeld {
                guard found.count < limit else { break }
                state.messages[partition][index].isHeld = true
                state.messages[partition][index].delivery.deliveryCount += 1
                found.append(state.messages[partition][index].delivery)
            }
            return found
        }
    }

    private func perform<Value: Sendable>(
        _ body: (inout sending State) -> sending Value
    ) throws(TransportError) -> Value {
        let result: Result<Value, TransportError> = state.withLock { state in
            if state.isClosed { return .failure(TransportError(.closed, "The transport is shut down")) }
            if let failure = state.failure { return .failure(failure) }
            return .success(body(&state))
        }
        return try result.get()
    }
}
