// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a deployment has to carry; each default suits server SDKs that send batches every second.
package struct Workload: Sendable, Hashable {
    /// Events that SDKs send in a day.
    package var eventsPerDay: Double
    /// How many times the average the busiest second is; 3 by default.
    package var peakFactor = 3.0
    /// Events in one request; 1,000 by default.
    package var eventsPerBatch = 1_000.0
    /// Bytes of an event in a request as it is sent, compressed; 36 by default (392 of JSON, gzip).
    package var bytesPerEvent = 36.0
    /// Bytes of an event as JSON; 392 by default.
    package var plainBytesPerEvent = 392.0
    /// Partitions of the brokers, each loaded in blocks of its own; 64 by default.
    package var partitions = 64.0
    /// Share of events that arrive twice; 1 in 1,000 by default.
    package var duplicates = 0.001
    /// Processes with an SDK; 0 by default.
    package var instances = 0.0
    /// Seconds between two polls of one; 10 by default.
    package var pollSeconds = 10.0
    /// Share of instances that follow a stream instead; 0 by default.
    package var streaming = 0.0
    /// Changes of the configuration in a day; 200 by default.
    package var changesPerDay = 200.0
    /// Bytes of a document as it is sent; 50,000 by default.
    package var documentBytes = 50_000.0
    /// Days that events stay in the warehouse; 90 by default.
    package var retentionDays = 90.0
    /// Copies of each row; 2 by default.
    package var replicas = 2.0
    /// Regions that share the load, of which one may be lost; 1 by default.
    package var regions = 1.0

    /// Makes a workload with the defaults above.
    package init(eventsPerDay: Double) { self.eventsPerDay = eventsPerDay }
}

/// What one machine is like, and how much of it may be used.
package struct NodeShape: Sendable, Hashable {
    /// Cores; 8 by default.
    package var cores = 8.0
    /// GiB of memory; 32 by default.
    package var memoryGiB = 32.0
    /// Bytes a second that its network carries one way; 1.25e9 by default (10 Gbit/s).
    package var networkBytesPerSecond = 1.25e9
    /// Bytes of its disk; 2e12 by default.
    package var diskBytes = 2e12
    /// Share of each that the peak may take; 0.6 by default.
    package var utilisation = 0.6

    /// Makes a node with the defaults above.
    package init() {}
}
