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

        /// Quantiles of `values`; nil if there are none.
        package init?(_ values: [UInt32]) {
            let sorted = values.sorted()
            guard let last = sorted.last else { return nil }
            func quantile(_ thousandths: Int) -> Int64 {
                let rank = (sorted.count * thousandths + 999) / 1_000
                return Int64(sorted[Swift.max(0, rank - 1)])
            }
            count = sorted.count
            p50 = quantile(500)
            p99 = quantile(990)
            p999 = quantile(999)
            max = Int64(last)
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
