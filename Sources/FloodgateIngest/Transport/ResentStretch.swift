// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A stretch of the log that is sent beside what is new, so that nothing new waits for it.
struct ResentStretch: Sendable {
    /// What of it is on its way.
    var window: PublishWindow
    /// Where it ends; what is new is behind.
    let through: Int64
    /// What is sent of it; nil is all.
    let partitions: Set<Int>?
    /// Whether all of it was taken from the log.
    var isRead = false

    /// A stretch of which nothing was sent.
    init(after position: Int64, through end: Int64, partitions: Set<Int>?) {
        window = PublishWindow(mark: position)
        through = end
        self.partitions = partitions
    }
}

/// Which batches of the log something is about.
enum PublishFlow: Sendable {
    /// Those that were never sent.
    case new
    /// Those that are sent again, or late.
    case again
}

extension EventPublisher.State {
    /// Up to where all batches have arrived.
    var mark: Int64 { again?.window.mark ?? window.mark }

    /// Batches that are on their way.
    var inFlight: Int { window.count + (again?.window.count ?? 0) }

    /// Whether the batch at `position` has arrived.
    func hasArrived(_ position: Int64) -> Bool {
        guard let again, position <= again.through else { return window.hasArrived(position) }
        return again.window.hasArrived(position)
    }

    /// Room on the way for so many batches of `flow`; while both flow, each has a half.
    func room(for flow: PublishFlow, _ options: EventPublisherOptions) -> (after: Int64, count: Int)? {
        let window = flow == .new ? self.window : again?.window
        guard let window, flow == .new || again?.isRead == false else { return nil }
        let share = again == nil ? 1 : 2
        guard window.count == 0 || window.sizeBytes < options.inFlightBytes / share else { return nil }
        let count = max(1, options.inFlight / share) - window.count
        return count > 0 ? (window.taken, count) : nil
    }

    /// Puts `batch` of `partition` on its way.
    /// - Returns: Whether it is to be sent; else it is there already.
    mutating func take(_ batch: LoggedBatch, of flow: PublishFlow, to partition: Int) -> Bool {
        let size = batch.payload.count
        switch flow {
        case .new:
            window.take(batch.id, sizeBytes: size)
            guard let passing else { return true }
            // All of what had been taken before the loss is behind us.
            if batch.id > passing.arrived.taken { self.passing = nil }
            guard passing.arrived.hasArrived(batch.id), !passing.lost.contains(partition) else { return true }
        case .again:
            again?.window.take(batch.id, sizeBytes: size)
            guard let partitions = again?.partitions, !partitions.contains(partition) else { return true }
        }
        arrive(batch, of: flow)
        return false
    }

    /// Notes that `batch` has arrived.
    mutating func arrive(_ batch: LoggedBatch, of flow: PublishFlow) {
        switch flow {
        case .new: window.arrive(batch.id, sizeBytes: batch.payload.count)
        case .again:
            again?.window.arrive(batch.id, sizeBytes: batch.payload.count)
            endAgain()
        }
    }

    /// Lets go of a stretch that was sent to its end.
    mutating func endAgain() {
        if let again, again.isRead, again.window.count == 0 { self.again = nil }
    }
}
