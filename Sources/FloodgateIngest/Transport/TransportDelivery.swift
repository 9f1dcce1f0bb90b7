// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A batch as the transport hands it to whoever loads it.
package struct TransportDelivery: Sendable, Hashable {
    /// The node that accepted the batch.
    package var node: String
    /// The batch; its `id` is the position in that node's log.
    package var batch: LoggedBatch
    /// The part of the flow that it came in.
    package var partition: Int
    /// Which life of the partition `sequence` counts in: another one for one that was removed and made again.
    package var epoch: Int64
    /// The number in the partition, from 1 on, without gaps.
    package var sequence: UInt64
    /// When the broker took it in, by its clock, in Unix milliseconds: tells it from another one that is given its sequence
    /// later.
    package var storedAt: Int64
    /// How often it was handed out, this time included.
    package var deliveryCount: Int
    /// What the broker knows the delivery by; empty for what was read and not handed out.
    package var token: String

    package init(
        node: String,
        batch: LoggedBatch,
        partition: Int,
        epoch: Int64,
        sequence: UInt64,
        storedAt: Int64,
        deliveryCount: Int,
        token: String
    ) {
        self.node = node
        self.batch = batch
        self.partition = partition
        self.epoch = epoch
        self.sequence = sequence
        self.storedAt = storedAt
        self.deliveryCount = deliveryCount
        self.token = token
    }
}

/// The batches that a partition may have: some in between are acknowledged and gone.
package struct TransportExtent: Sendable, Hashable {
    /// Which life of the partition the sequences count in.
    package var epoch: Int64
    /// The lowest sequence that is there; `last` + 1 if there is none.
    package var first: UInt64
    /// The highest sequence that was ever given; 0 if none was.
    package var last: UInt64
    /// When the broker took in what has the lowest sequence, by its clock, in Unix milliseconds; nil if there is nothing.
    package var firstStoredAt: Int64?

    package init(epoch: Int64, first: UInt64, last: UInt64, firstStoredAt: Int64? = nil) {
        self.epoch = epoch
        self.first = first
        self.last = last
        self.firstStoredAt = firstStoredAt
    }
}

/// How much is on its way, for operators and for scaling.
package struct TransportStatus: Sendable, Hashable {
    /// One part of the flow.
    package struct Partition: Sendable, Hashable {
        /// Which one.
        package var partition: Int
        /// Batches that were never handed out.
        package var pending: Int64
        /// Batches that were handed out and not acknowledged.
        package var unacknowledged: Int64
        /// Batches among them that were handed out more than once.
        package var redelivered: Int64
        /// Bytes that it holds.
        package var storedBytes: Int64
        /// The most bytes that it may hold.
        package var limitBytes: Int64

        package init(
            partition: Int,
            pending: Int64,
            unacknowledged: Int64,
            redelivered: Int64 = 0,
            storedBytes: Int64 = 0,
            limitBytes: Int64 = .max
        ) {
            self.partition = partition
            self.pending = pending
            self.unacknowledged = unacknowledged
            self.redelivered = redelivered
            self.storedBytes = storedBytes
            self.limitBytes = limitBytes
        }
    }

    /// The partitions in order.
    package var partitions: [Partition]
    /// Whether the broker can be reached.
    package var isConnected: Bool
    /// Messages that this process could not read, and left where they are.
    package var unreadable: Int64

    package init(partitions: [Partition], isConnected: Bool, unreadable: Int64 = 0) {
        self.partitions = partitions
        self.isConnected = isConnected
        self.unreadable = unreadable
    }

    /// Batches that are published and not loaded.
    package var lag: Int64 { partitions.reduce(0) { $0 &+ $1.pending &+ $1.unacknowledged } }
}
