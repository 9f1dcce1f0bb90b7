// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which instances of SDKs and edges answer from which version of an environment, as the fleet's page shows it.
package struct FleetContent: Sendable, Hashable {
    /// How long it took from a commit to its use, in milliseconds.
    package struct Delay: Sendable, Hashable {
        package var p50: Int64
        package var p99: Int64
        package var p999: Int64
        package var max: Int64

        package init(p50: Int64, p99: Int64, p999: Int64, max: Int64) {
            self.p50 = p50
            self.p99 = p99
            self.p999 = p999
            self.max = max
        }
    }

    /// One version.
    package struct Version: Sendable, Hashable {
        /// When it was committed, in Unix milliseconds.
        package var time: Int64
        /// How many live instances answer from it.
        package var instances: Int
        /// Nil if nobody changed to it who was there before.
        package var delay: Delay?

        package init(time: Int64, instances: Int, delay: Delay? = nil) {
            self.time = time
            self.instances = instances
            self.delay = delay
        }
    }

    /// One instance of an SDK, or edge.
    package struct Instance: Sendable, Hashable {
        /// Names this run of it.
        package var id: String
        /// What people know it by.
        package var name: String
        /// The SDK with its version.
        package var sdk: String
        /// The version that it answers from, in Unix milliseconds; 0 for none.
        package var time: Int64
        /// When it was seen last, in Unix milliseconds.
        package var lastSeen: Int64
        /// When it was known there that this is the newest version, likewise.
        package var confirmedAt: Int64?
        /// The edges between, the nearest to it first.
        package var via: [String]
        /// Whether it was seen so lately that it counts.
        package var isLive: Bool

        package init(
            id: String,
            name: String,
            sdk: String,
            time: Int64,
            lastSeen: Int64,
            confirmedAt: Int64? = nil,
            via: [String] = [],
            isLive: Bool = true
        ) {
            self.id = id
            self.name = name
            self.sdk = sdk
            self.time = time
            self.lastSeen = lastSeen
            self.confirmedAt = confirmedAt
            self.via = via
            self.isLive = isLive
        }
    }

    /// The newest version, in Unix milliseconds; 0 if nothing was published.
    package var newest: Int64 = 0
    /// How many instances were seen lately.
    package var live = 0
    /// Whether numbers are estimates.
    package var isEstimate = false
    /// How many of these answer from the newest version.
    package var holding = 0
    /// The versions that are in use or were published lately, the newest first.
    package var versions: [Version] = []
    /// Instances that answer from an older version, those that are furthest behind first; not all if they are many.
    package var stragglers: [Instance] = []
    /// Edges, the stalest first.
    package var edges: [Instance] = []

    package init() {}
}
