// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What became of the events of one segment, environment and minute of arrival within one block.
///
/// The log has the same sums from the time of acceptance; where all of a segment is loaded, both must be equal.
package struct LedgerEntry: Sendable, Hashable {
    /// The block that the events were loaded with; empty where the log says it.
    package var block: String
    /// The node that accepted the events.
    package var node: String
    /// The number of the log's segment there.
    package var segment: Int64
    /// The environment that their SDK keys open.
    package var environment: String
    /// The minute that they arrived in, as Unix milliseconds of its beginning.
    package var minute: Int64
    package var sums: LedgerSums

    package init(
        block: String,
        node: String,
        segment: Int64,
        environment: String,
        minute: Int64,
        sums: LedgerSums = LedgerSums()
    ) {
        self.block = block
        self.node = node
        self.segment = segment
        self.environment = environment
        self.minute = minute
        self.sums = sums
    }
}

/// Counts of events, and two sums over their ids that show which events they were.
package struct LedgerSums: Sendable, Hashable {
    /// Batches; one that is divided between blocks counts with its first event.
    package var batches: Int64 = 0
    /// Events that were accepted.
    package var accepted: Int64 = 0
    /// Events among them that became rows.
    package var loaded: Int64 = 0
    /// Events among them that were left out, since the block has one of the same id.
    package var duplicate: Int64 = 0
    /// Events among them that no engine takes, and that went to the dead letters.
    package var dead: Int64 = 0
    /// The exclusive or of the first 64 bits of the ids of all accepted events.
    package var idXor: UInt64 = 0
    /// Their sum, wrapped around.
    package var idSum: UInt64 = 0

    /// Makes sums over nothing.
    package init() {}

    /// Adds the sums over other events.
    package mutating func add(_ other: LedgerSums) {
        batches &+= other.batches
        accepted &+= other.accepted
        loaded &+= other.loaded
        duplicate &+= other.duplicate
        dead &+= other.dead
        idXor ^= other.idXor
        idSum &+= other.idSum
    }
}
