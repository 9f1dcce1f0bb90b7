// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How a source takes batches from the transport; each default suits production.
package struct TransportSourceOptions: Sendable {
    /// Batches that are asked for at a time; 256 by default.
    package var pullLimit = 256
    /// Bytes of payloads beyond which nothing more is asked for until some of it is committed; 32 MiB by default.
    package var bufferBytes = 32 << 20
    /// How long the broker may take to say that there is nothing; 20 ms by default.
    package var wait: Duration = .milliseconds(20)
    /// How long it may take to hand out what is known to be there, before it is read without; 1 s by default.
    package var patience: Duration = .seconds(1)
    /// How long a partition must seem to be behind what was taken from it before it counts as gone back: a new leader may not
    /// know all at once; 5 s by default.
    package var doubt: Duration = .seconds(5)
    /// How often the broker is told that what is held is still being worked on; 60 s by default, a fifth of what it waits.
    package var extendInterval: Duration = .seconds(60)

    /// Makes options with the defaults above.
    package init() {}
}

/// One partition of the transport, as a log that a loader reads: its positions are the partition's sequence.
///
/// Blocks of stretches of the sequence are the same rows whenever they are made again, since the sequence has no gaps but
/// what is acknowledged, and what is acknowledged is in the warehouse. Only one loader may read a partition at a time.
package actor TransportSource: BatchSource {
    private let transport: any EventTransport
    private let partition: Int
    private let options: TransportSourceOptions
    private var epoch: Int64?
    /// What is not committed, by sequence.
    private var held: [UInt64: TransportDelivery] = [:]
    private var heldBytes = 0
    /// Committed, and still to be acknowledged.
    private var done: [TransportDelivery] = []
    private var committed: UInt64 = 0
    /// When the broker took in the newest of what is committed; nil if that is not known.
    private var committedAt: Int64?
    /// The highest sequence that was handed out.
    private var highest: UInt64 = 0
    /// Since when the partition seems to be behind; nil if it does not.
    private var doubtfulSince: ContinuousClock.Instant?
    /// Whether the partition is not the one any more that was begun with: there is nothing to be had here then.
    package private(set) var isGone = false

    /// Makes the source of `partition`, from 0 to below the transport's count.
    package init(
        transport: any EventTransport,
        partition: Int,
        options: TransportSourceOptions = TransportSourceOptions()
    ) {
        self.transport = transport
        self.partition = partition
        self.options = options
    }

    /// What blocks of this partition are named by; another name for a partition that was removed and made again.
    /// - Throws: `TransportError` if the broker does not tell.
    package func lane() async throws(TransportError) -> String {
        let epoch = try await currentEpoch()
        return "partition-\(partition)-\(String(epoch, radix: 36))"
    }

    /// The same for a partition whose sequences may have gone back, as after a loss of power at the broker: another name
    /// from there on, since what was loaded is not what has those sequences now.
    ///
    /// - Parameters:
    ///   - gone: The name under which it was seen to go back; nil if it was not.
    ///   - loaded: How far a name was loaded; nil for one that was never used.
    /// - Returns: What blocks are named by.
    /// - Throws: `TransportError` if the broker does not tell, and what `loaded` throws.
    package func lane(
        behind gone: String?,
        loaded: @Sendable (String) async throws -> LoadedLane?
    ) async throws -> String {
        var lane = try await lane()
        var extent = try await transport.extent(of: partition)
        while let found = try await loaded(lane) {
            let next = "\(lane)-\(found.through)"
            let isUsed = try await loaded(next) != nil
            if !isUsed, lane != gone, found.through > Int64(clamping: extent.last) {
                try await Task.sleep(for: options.doubt)
                extent = try await transport.extent(of: partition)
            }
            let hasGoneBack =
                found.through > Int64(clamping: extent.last) || isLater(extent, UInt64(found.through), found.storedAt)
            guard lane == gone || hasGoneBack || isUsed else {
                committedAt = found.storedAt
                break
            }
            lane = next
        }
        return lane
    }

    /// Whether what is first came after what is loaded, although it has a sequence that is loaded: another one had it then.
    private func isLater(_ extent: TransportExtent, _ through: UInt64, _ storedAt: Int64?) -> Bool {
        guard let storedAt, let first = extent.firstStoredAt else { return false }
        return extent.first <= through && first > storedAt
    }

    package func read(after position: Int64, limit: Int) async throws(EventLogError) -> [LoggedBatch] {
        do throws(TransportError) {
            return try await batches(after: UInt64(max(0, position)), limit)
        } catch {
            throw EventLogError(
                error.code == .closed ? .closed : .storage,
                "The transport cannot be read",
                cause: error
            )
        }
    }

    /// Notes that all up to `sequence` is in the warehouse, and has the broker forget it.
    ///
    /// - Parameters:
    ///   - sequence: That of the newest.
    ///   - storedAt: When the broker took it in; nil if that is known from what is held alone.
    /// - Throws: `TransportError`; then the broker is told the next time.
    package func commit(through sequence: Int64, storedAt: Int64? = nil) async throws(TransportError) {
        let sequence = UInt64(max(0, sequence))
        let isKnown = sequence <= committed || storedAt != nil || held[sequence] != nil
        committed = max(committed, sequence)
        for (number, delivery) in held where number <= committed {
            held[number] = nil
            heldBytes -= delivery.batch.payload.count
            committedAt = max(committedAt ?? 0, delivery.storedAt)
            done.append(delivery)
        }
        if let storedAt { committedAt = max(committedAt ?? 0, storedAt) }
        // Another loader's, of an earlier version: nothing that comes can be told to be newer.
        if !isKnown { committedAt = nil }
        try await acknowledge()
    }

    package func committed(through position: Int64, storedAt: Int64?) async {
        // What the broker did not hear it is told the next time.
        try? await commit(through: position, storedAt: storedAt)
    }

    /// Tells the broker from time to time that what is held is being worked on, until the task is cancelled.
    package func run() async {
        while (try? await Task.sleep(for: options.extendInterval)) != nil {
            // If it does not hear, it hands them out again, which does no harm.
            try? await transport.extend(held.values.filter { !$0.token.isEmpty })
        }
    }

    /// Gives back what is held, so that the next loader of the partition has it at once.
    package func release() async {
        let deliveries = held.values.filter { !$0.token.isEmpty }
        held = [:]
        heldBytes = 0
        try? await transport.release(deliveries)
    }

    private func batches(after position: UInt64, _ limit: Int) async throws(TransportError) -> [LoggedBatch] {
        var found: [LoggedBatch] = []
        var next = position &+ 1
        var extent: TransportExtent?
        while found.count < limit, next > 0 {
            if let delivery = held[next] {
                found.append(logged(delivery))
                next &+= 1
                continue
            }
            // What is missing below what came is held by another loader, which has died, or is gone.
            let isHole = next < highest
            if !isHole, extent == nil, try await pull(within: options.wait) { continue }
            guard found.isEmpty || isHole else { break }
            if extent == nil {
                extent = try await checkExtent()
                // There is more, and it was not handed out: it may only have taken too long.
                if !isHole, let extent, next <= extent.last, try await pull(within: options.patience) { continue }
            }
            guard let extent, next <= extent.last else { break }
            if next < extent.first {
                next = extent.first
                continue
            }
            // A reader that is behind with its commits gets them one at a time.
            guard found.isEmpty || heldBytes < options.bufferBytes else { break }
            if let delivery = try await transport.read(partition: partition, sequence: next) { hold(delivery) }
            if held[next] == nil { next &+= 1 }
        }
        return found
    }

    /// Takes over what the broker hands out.
    /// - Returns: Whether anything came.
    private func pull(within time: Duration) async throws(TransportError) -> Bool {
        guard heldBytes < options.bufferBytes else { return false }
        _ = try await currentEpoch()
        let deliveries = try await transport.pull(partition: partition, limit: options.pullLimit, within: time)
        var isNew = false
        // It may also be the first of a partition that was made anew, whose numbers begin again.
        if deliveries.contains(where: { $0.sequence <= committed }) { try await checkExtent() }
        for delivery in deliveries {
            guard delivery.epoch == epoch else { throw remade() }
            highest = max(highest, delivery.sequence)
            // What was taken in under a sequence after what has it in the warehouse, or otherwise than what is held, is new.
            if let old = held[delivery.sequence], old.storedAt != delivery.storedAt { throw remade() }
            if delivery.sequence <= committed {
                if let committedAt, delivery.storedAt > committedAt { throw remade() }
                done.append(delivery)
            } else {
                isNew = isNew || held[delivery.sequence] == nil
                hold(delivery)
            }
        }
        try await acknowledge()
        return isNew
    }

    private func hold(_ delivery: TransportDelivery) {
        let old = held[delivery.sequence]
        guard old == nil || !delivery.token.isEmpty else { return }
        heldBytes += delivery.batch.payload.count - (old?.batch.payload.count ?? 0)
        held[delivery.sequence] = delivery
    }

    private func acknowledge() async throws(TransportError) {
        // What was only read comes again as a delivery, and is acknowledged then.
        let deliveries = done.filter { !$0.token.isEmpty }
        guard !deliveries.isEmpty else { return }
        done = []
        do {
            // What was handed out by another partition of this name would be taken for what is in this one.
            try await checkExtent()
            try await checkLast(of: deliveries)
            try await transport.acknowledge(deliveries)
        } catch {
            done += deliveries
            throw error
        }
    }

    private func logged(_ delivery: TransportDelivery) -> LoggedBatch {
        var batch = delivery.batch
        batch.origin = BatchOrigin(
            node: delivery.node,
            position: batch.id,
            storedAt: delivery.storedAt
        )
        batch.id = Int64(clamping: delivery.sequence)
        return batch
    }

    private func currentEpoch() async throws(TransportError) -> Int64 {
        if let epoch { return epoch }
        let found = try await transport.extent(of: partition).epoch
        epoch = found
        return found
    }

    /// Which batches there may be.
    /// - Throws: `.failed` if the partition is not the one that was begun with, or has lost what was taken from it;
    ///   `.unavailable` if it seems so and was not looked at long enough.
    @discardableResult
    private func checkExtent() async throws(TransportError) -> TransportExtent {
        let extent = try await transport.extent(of: partition)
        guard extent.epoch == epoch, !isLater(extent, committed, committedAt) else { throw remade() }
        guard extent.last < highest else {
            doubtfulSince = nil
            return extent
        }
        guard let since = doubtfulSince else {
            doubtfulSince = .now
            throw behind()
        }
        throw .now - since < options.doubt ? behind() : remade()
    }

    /// Sees to it that nothing is acknowledged in the place of what is in the warehouse.
    private func checkLast(of deliveries: [TransportDelivery]) async throws(TransportError) {
        guard let last = deliveries.max(by: { $0.sequence < $1.sequence }) else { return }
        let isKept = try await transport.isKept(
            last.batch.id,
            of: last.node,
            in: partition,
            at: last.sequence
        )
        if isKept == false { throw remade() }
    }

    private func behind() -> TransportError {
        TransportError(
            .unavailable,
            "Partition \(partition) seems to be behind what was taken from it; it is looked at again before that is believed"
        )
    }

    private func remade() -> TransportError {
        isGone = true
        return TransportError(
            .failed,
            "Partition \(partition) was made anew, or has lost what was taken from it, while it was read; begin again"
        )
    }
}
