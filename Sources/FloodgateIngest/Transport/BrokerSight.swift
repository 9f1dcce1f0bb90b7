// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a publisher knows of the partitions at the broker, by which it notices that something acknowledged is lost there.
///
/// A broker gives out rising sequences, also over a restart. One that has been made anew says so by its epoch; one that has
/// come back without the last it wrote, as after a loss of power, gives out again what it gave out before.
struct BrokerSight: Sendable, Hashable {
    /// What is known of one partition.
    struct Part: Sendable, Hashable {
        /// Which life of the partition it is; nil if that is not known yet.
        var epoch: Int64?
        /// The highest sequence that a batch of this node was acknowledged with; 0 if none was.
        var last: UInt64
    }

    /// By partition.
    private(set) var parts: [Int: Part] = [:]
    /// Partitions that seemed to be behind when they were looked at last.
    private var suspects: Set<Int> = []

    /// Takes over what was known before.
    init(_ parts: [Int: Part] = [:]) { self.parts = parts }

    /// The highest sequence that a batch of this node was acknowledged with.
    func last(of partition: Int) -> UInt64 { parts[partition]?.last ?? 0 }

    /// Notes that a batch has arrived, which was sent when `floor` was the highest sequence.
    /// - Returns: Whether the partition has lost something: what is new is behind all that was there.
    mutating func received(_ receipt: TransportReceipt, above floor: UInt64) -> Bool {
        let part = parts[receipt.partition] ?? Part(last: 0)
        parts[receipt.partition] = Part(epoch: part.epoch, last: max(part.last, receipt.sequence))
        return receipt.isNew && receipt.sequence <= floor
    }

    /// Compares what the broker says it has with what was known before it was asked.
    ///
    /// A partition that is behind has lost something if it is behind twice, since a new leader may not know all at once.
    /// - Returns: The partitions that have lost something, which are unknown from then on.
    mutating func saw(_ extents: [TransportExtent], knowing before: BrokerSight) -> Set<Int> {
        var lost: Set<Int> = []
        var behind: Set<Int> = []
        for (partition, extent) in extents.enumerated() {
            let known = before.parts[partition] ?? Part(last: 0)
            if let epoch = known.epoch, epoch != extent.epoch {
                if known.last > 0 { lost.insert(partition) }
            } else if extent.last < known.last {
                behind.insert(partition)
            }
            parts[partition, default: Part(last: 0)].epoch = extent.epoch
        }
        lost.formUnion(behind.intersection(suspects))
        suspects = behind.subtracting(lost)
        return lost
    }

    /// Whether a partition should be looked at again soon.
    var isDoubtful: Bool { !suspects.isEmpty }

    /// Begins anew with partitions that have lost something.
    mutating func forget(_ partitions: Set<Int>) {
        for partition in partitions { parts[partition] = nil }
        suspects.subtract(partitions)
    }
}
