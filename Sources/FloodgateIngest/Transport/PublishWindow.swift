// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which batches of a log are on their way, which have arrived, and up to where all have.
struct PublishWindow: Sendable {
    /// All batches up to here have arrived.
    private(set) var mark: Int64
    /// The last batch that was taken from the log.
    private(set) var taken: Int64
    /// Batches that are on their way.
    private(set) var count = 0
    /// Bytes of them.
    private(set) var sizeBytes = 0
    // In the order of the log; what is before `first` is done with.
    private var order: [Int64] = []
    private var first = 0
    private var arrived: Set<Int64> = []

    /// Makes the window of a log of which all up to `mark` has arrived.
    init(mark: Int64) {
        self.mark = mark
        taken = mark
    }

    /// Puts a batch on its way; it is behind all earlier ones.
    mutating func take(_ position: Int64, sizeBytes size: Int) {
        taken = max(taken, position)
        count += 1
        sizeBytes += size
        order.append(position)
    }

    /// Notes that a batch has arrived.
    mutating func arrive(_ position: Int64, sizeBytes size: Int) {
        count -= 1
        sizeBytes -= size
        arrived.insert(position)
        while first < order.count, arrived.remove(order[first]) != nil {
            mark = order[first]
            first += 1
        }
        // Now and then, so that it costs nothing.
        if first > 1_024 {
            order.removeFirst(first)
            first = 0
        }
    }

    /// Whether the batch at `position` has arrived.
    func hasArrived(_ position: Int64) -> Bool { position <= mark || arrived.contains(position) }
}
