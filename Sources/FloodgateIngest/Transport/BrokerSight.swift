// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a publisher knows of the partitions at the broker, by which it notices that something acknowledged is lost there.
///
/// A broker gives out rising sequences, also over a restart. One that has been made anew says so by its epoch; one that has
/// come back without the last it wrote, as after a loss of power, gives out again what it gave out before. Where others have
/// been given that since, it shows by the batches that are not where they were acknowledged.
struct BrokerSight: Sendable, Hashable {
    /// A batch of this node, and the sequence that it was acknowledged with.
    struct Anchor: Sendable, Hashable {
        var sequence: UInt64
        var position: Int64
    }

    /// What is known of one partition.
    struct Part: Sendable, Hashable {
        /// Which life of the partition it is; nil if that is not known yet.
        var epoch: Int64?
        /// The highest sequence that a batch of this node was acknowledged with; 0 if none was.
        var last: UInt64
        /// Which batch that was; nil if that is not known.
        var position: Int64?
        /// What was the last before somebody looked, and before something failed: what came behind may be of after a loss.
        var earlier: [Anchor] = []

        /// The batches to look for.
        var anchors: [Anchor] {
            earlier + (position.map { [Anchor(sequence: last, position: $0)] } ?? [])
        }
    }

    /// By partition.
    private(set) var parts: [Int: Part] = [:]
    /// Partitions that seemed to be behind when they were looked at last.
    private var suspects: Set<Int> = []

    /// Takes over what was known before.
    init(_ parts: [Int: Part] = [:]) { self.parts = parts }

    /// What outlasts a restart.
    var lasting: BrokerSight {
        BrokerSight(
            parts.mapValues { part in
                var part = part
                part.earlier = []
                return part
            }
        )
    }

    /// The highest sequence that a batch of this node was acknowledged with.
    func last(of partition: Int) -> UInt64 { parts[partition]?.last ?? 0 }

    /// Notes that the batch at `position` has arrived, which was sent when `floor` was the highest sequence.
    /// - Returns: Whether the partition has lost something: what is new is behind all that was there.
    mutating func received(_ receipt: TransportReceipt, for position: Int64, above floor: UInt64) -> Bool {
        var part = parts[receipt.partition] ?? Part(last: 0)
        if receipt.sequence >= part.last {
            part.last = receipt.sequence
            part.position = position
        }
        parts[receipt.partition] = part
        return receipt.isNew && receipt.sequence <= floor
    }

    /// Keeps in mind what is the last now: what comes from now on may come behind a loss.
    mutating func anchor() {
        for (partition, part) in parts {
            guard let position = part.position else { continue }
            let anchor = Anchor(sequence: part.last, position: position)
            guard part.earlier.last != anchor else { continue }
            parts[partition]?.earlier = part.earlier.suffix(1) + [anchor]
        }
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
            // What is loaded proves nothing any more.
            parts[partition]?.earlier.removeAll { $0.sequence < extent.first }
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
