// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Up to where of a log the broker holds nothing any more: it had all of it once, and what it had then has been acknowledged.
///
/// What is acknowledged is in the warehouse, so that whatever is not is lost.
struct SettledMark: Sendable {
    /// Up to where; 0 if that is not known.
    private(set) var position: Int64 = 0
    /// The same as of the last look: the warehouse may take a moment until all that ask it see what is there.
    private var next: Int64 = 0
    /// What the broker has got up to, and the sequences that must go for that.
    private var awaited: (position: Int64, sequences: [Int: UInt64])?

    /// Takes in what the partitions have.
    ///
    /// - Parameters:
    ///   - extents: Of all partitions, in order.
    ///   - mark: Up to where all of the log had arrived before they were asked for.
    mutating func saw(_ extents: [TransportExtent], having mark: Int64) {
        position = next
        if var waited = awaited {
            waited.sequences = waited.sequences.filter { partition, last in
                !extents.indices.contains(partition) || extents[partition].first <= last
            }
            awaited = waited
            guard waited.sequences.isEmpty else { return }
            next = max(next, waited.position)
        }
        var sequences: [Int: UInt64] = [:]
        for (partition, extent) in extents.enumerated() { sequences[partition] = extent.last }
        awaited = (mark, sequences)
    }
}
