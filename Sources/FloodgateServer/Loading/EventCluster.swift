// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateNATS
import Logging
import FloodgateSQLite

/// The way of events through a broker: what this node accepts is copied there, and some partitions of what is there are
/// loaded by this node.
package struct EventCluster: Sendable {
    /// What a node is told about its cluster.
    package struct Setting: Sendable, Hashable {
        /// Where the brokers are.
        let address: NATSAddress
        /// Whether an answer waits until the brokers have copies (`replicated`), or for this node's disk alone (`local`).
        package var isReplicated = true
        /// Which partitions this node loads, the first and the last; nil is all of them, and empty none.
        package var partitions: Range<Int>?

        /// Reads an address such as `nats://user:password@host:4222,host2:4222?replicas=3&partitions=64`.
        /// - Throws: `StartFailure` that says what to write instead.
        package init(_ text: String) throws(StartFailure) {
            do { address = try NATSAddress(text) } catch {
                throw StartFailure(.other, "The brokers cannot be used: \(error)")
            }
        }

        /// Reads which partitions to load: `all`, `none`, `7` or `0-31`.
        /// - Throws: `StartFailure` if it is none of them, or there is no such partition.
        package mutating func load(_ text: String) throws(StartFailure) {
            if text == "all" { return partitions = nil }
            if text == "none" { return partitions = 0..<0 }
            let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard 1...2 ~= parts.count, let first = parts.first.flatMap(\.self), let last = parts.last.flatMap(\.self),
                0 <= first, first <= last, last < address.partitions
            else {
                throw StartFailure(
                    .other,
                    "Partitions to load must be all, none, or from 0 to \(address.partitions - 1) such as 0-31, not \(text)"
                )
            }
            partitions = first..<last + 1
        }
    }

    let transport: NATSTransport
    let publisher: EventPublisher
    let partitions: Range<Int>
    private let isReplicated: Bool

    init(_ setting: Setting, log: SQLiteEventLog, folder: DataFolder, logger: Logger) throws(StartFailure) {
        transport = NATSTransport(setting.address)
        partitions = setting.partitions ?? 0..<setting.address.partitions
        isReplicated = setting.isReplicated
        publisher = EventPublisher(
            log: log,
            transport: transport,
            node: try NodeName.name(in: folder),
            markFile: folder.path + "/published.json",
            logger: logger
        )
    }

    /// What the intake appends to.
    func log(over log: SQLiteEventLog) -> any EventLog {
        isReplicated ? ReplicatedEventLog(log: log, publisher: publisher) : log
    }
}
