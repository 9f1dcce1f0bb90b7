// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which documents the instances of one environment answer from.
package struct FleetStatus: Sendable, Hashable {
    /// One instance.
    package struct Instance: Sendable, Hashable {
        /// Who it is and what it holds, as it was seen last.
        package var sighting: FleetSighting
        /// When it was seen last, in Unix milliseconds.
        package var lastSeen: Int64
        /// When the document that it holds came into use there, likewise.
        package var usedAt: Int64
        /// When it was known there that this is the newest one, likewise; nil if it did not say.
        package var confirmedAt: Int64?
    }

    /// One document, with those that hold it.
    package struct Version: Sendable, Hashable {
        /// When it was committed, in Unix milliseconds.
        package var time: UInt64
        /// Its checksum, if it is known.
        package var checksum: String?
        /// How many live instances answer from it.
        package var instances: Int
        /// How long it took from the commit to the use; nil if nobody changed to it who was there before.
        package var delay: Delay?
    }

    /// Quantiles of milliseconds, each a value that occurred: the smallest that is not exceeded by that share.
    package struct Delay: Sendable, Hashable {
        /// How many values there are.
        package var count: Int
        package var p50: Int64
        package var p99: Int64
        package var p999: Int64
        package var max: Int64

        /// Quantiles of `values`, each as often as its weight says; nil if there are none.
        package init?(_ values: [(value: UInt32, weight: UInt32)]) {
            let sorted = values.sorted { $0.value < $1.value }
            let total = sorted.reduce(0) { $0 + Int($1.weight) }
            guard let last = sorted.last, total > 0 else { return nil }
            var wanted: [Int64] = []
            var rank = 0
            for (value, weight) in sorted {
                rank += Int(weight)
                while wanted.count < 3, rank * 1_000 >= total * [500, 990, 999][wanted.count] {
                    wanted.append(Int64(value))
                }
            }
            count = total
            (p50, p99, p999) = (wanted[0], wanted[1], wanted[2])
            max = Int64(last.value)
        }
    }

    /// The environment.
    package var environment: String
    /// The document that is asked about: the newest, unless another was named.
    package var time: UInt64
    /// The time of the newest document, in Unix milliseconds; 0 if none is known.
    package var newest: UInt64
    /// How many instances were seen lately.
    package var live: Int
    /// Whether numbers are estimates, since an edge with many clients tells of some alone.
    package var isEstimate: Bool
    /// How many of these answer from that document or a newer one.
    package var holding: Int
    /// The documents that are in use or were published lately, the newest first.
    package var versions: [Version]
    /// Live instances that answer from an older document, those that are furthest behind first; not all if they are many.
    package var stragglers: [Instance]
    /// The edges, those first whose document was confirmed longest ago; not all if they are many.
    ///
    /// One that is gone stands among them for an hour, unless another run of the same name is there.
    package var edges: [Instance]
    /// How often an instance was not noted because there were too many.
    package var leftOut: Int
}
