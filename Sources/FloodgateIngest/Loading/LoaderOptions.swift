// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateWarehouse

/// How the log is cut into blocks, and how patiently they are loaded; each default suits production.
package struct LoaderOptions: Sendable, Hashable {
    /// The node whose log it is.
    package var node: String
    /// Whether it is a partition of the transport, whose batches come from many nodes; `node` only names its blocks then.
    package var hasManyNodes = false
    /// A block is loaded when it has so many rows.
    package var rows = 120_000
    /// Or so many bytes of rows; 64 MiB by default, of which there are some copies at a time.
    package var sizeBytes = 64 << 20
    /// Or when its first event waits so long and the log has no more.
    package var age: Duration = .seconds(5)
    /// Pause before an empty log is looked at again.
    package var interval: Duration = .milliseconds(500)
    /// Bytes of batches that are read from the log at a time, about.
    package var readBytes = 16 << 20
    /// How often an event that is refused is tried before it is a dead letter.
    package var attempts = 3
    /// Events in a row that may become dead letters since the warehouse refuses them; when there are more it is the warehouse
    /// that is wrong, and they wait.
    package var refusalsInARow = 100
    /// How long a shared plan may begin behind what the warehouse says it has before it counts as another warehouse's: a replica
    /// may hear late of a block.
    package var planPatience: Duration = .seconds(10)
    /// The longest pause between two tries.
    package var longestPause: Duration = .seconds(30)

    /// Creates options with the defaults above.
    package init(node: String) { self.node = node }
}

/// What a loader did since it was made, and how far it is.
package struct LoaderReport: Sendable, Hashable {
    /// Up to where all events are in the warehouse.
    package var watermark = LogCursor.start
    /// Blocks that were loaded.
    package var blocks: Int64 = 0
    /// What became of their events.
    package var sums = LedgerSums()
    /// Tries that failed, by the code of the error; `log` stands for the log's own.
    package var failures: [String: Int64] = [:]
    /// Failures since the last success.
    package var failuresInARow = 0
    /// Whether the warehouse refuses so much that it must be wrong itself.
    package var isStuck = false
    /// What was said at the last failure; nil after a success.
    package var lastError: String?
    /// When the first event arrived that is not loaded, in Unix milliseconds; nil if there is none.
    package var waitingSince: Int64?
    /// What is loaded of the segment that the watermark is in.
    var current = LedgerSums()

    /// Makes the report of a loader that did nothing.
    package init() {}

    /// How long the first event that is not loaded waits at a time in Unix milliseconds.
    package func lag(at now: Int64) -> Duration {
        .milliseconds(waitingSince.map { max(0, now.subtractingReportingOverflow($0).partialValue) } ?? 0)
    }

    /// How many batches and events of the log are not loaded.
    package func lag(of segments: [LoggedSegment]) -> (batches: Int64, events: Int64) {
        var (batches, events): (Int64, Int64) = (0, 0)
        for segment in segments where segment.number >= watermark.segment {
            for sums in segment.entries.values {
                batches &+= sums.batches
                events &+= sums.events
            }
            if segment.number == watermark.segment {
                batches &-= current.batches
                events &-= current.accepted
            }
        }
        return (max(0, batches), max(0, events))
    }

    mutating func advance(to end: LogCursor, _ ledger: [LedgerEntry]) {
        if end.segment != watermark.segment { current = LedgerSums() }
        watermark = max(watermark, end)
        for entry in ledger where entry.segment == watermark.segment { current.add(entry.sums) }
    }
}
