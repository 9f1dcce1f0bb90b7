// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateNATS
import Foundation
import Logging
import Testing

/// JS-1: a broker that comes back without its disk, or with an older one.
@Suite("Loss at a NATS broker") struct NATSLossTests {
    private let log = InMemoryEventLog()

    private func publisher(_ transport: NATSTransport, in folder: URL) -> EventPublisher {
        var options = EventPublisherOptions()
        options.checkInterval = .milliseconds(20)
        options.lossInterval = .milliseconds(40)
        options.longestPause = .milliseconds(200)
        return EventPublisher(
            log: log,
            transport: transport,
            node: "n",
            markFile: folder.path + "/published.json",
            options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func append(_ rows: ClosedRange<Int64>) async throws {
        for row in rows { _ = try await log.append(sampleBatch(row)) }
    }

    private func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// The rows of this node that the broker has, each as often as it has it.
    private func stored(_ transport: NATSTransport) async throws -> [Int64] {
        var found: [Int64] = []
        for partition in 0..<transport.partitionCount {
            let extent = try await transport.extent(of: partition)
            for sequence in extent.first..<(extent.last + 1) {
                let delivery = try await transport.read(partition: partition, sequence: sequence)
                if let delivery, delivery.node == "n" {
                    found.append(delivery.batch.receivedAt - sampleBatch(0).receivedAt)
                }
            }
        }
        return found.sorted()
    }

    @Test(arguments: [true, false])
    func `what it acknowledged is sent again`(isEmptied: Bool) async throws {
        let cluster = try NATSCluster(1)
        let transport = try await cluster.transport("partitions=2")
        let publisher = publisher(transport, in: cluster.folder)
        let mark = cluster.folder.appending(path: "published.json")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await publisher.run() }
            try await append(1...20)
            try await until { publisher.status.mark == 20 }
            if !isEmptied {
                cluster.kill(0)
                try cluster.keep(0)
                try cluster.start(0)
                try await append(21...40)
                try await until { publisher.status.mark == 40 }
            }
            try await until { (try? String(contentsOf: mark, encoding: .utf8))?.contains("epoch") ?? false }
            let count = try await log.counts().batches
            cluster.kill(0)
            if isEmptied { try cluster.empty(0) } else { try cluster.putBack(0) }
            try cluster.start(0)
            try await until { publisher.status.losses > 0 && publisher.status.mark == count }
            // Each partition may be noticed by itself.
            try await until { try await Set(stored(transport)) == Set(1...count) }
            #expect(try await stored(transport) == Array(1...count))
            group.cancelAll()
        }
        await transport.shutdown()
    }

    @Test func `what it acknowledged is sent again, also where others were given its place since`() async throws {
        let cluster = try NATSCluster(1)
        let transport = try await cluster.transport("partitions=2")
        let mark = cluster.folder.appending(path: "published.json")
        /// Runs a publisher until it is done with all of the log.
        func publish(_ isDone: (EventPublisher) -> Bool = { _ in true }) async throws {
            let publisher = publisher(transport, in: cluster.folder)
            let count = try await log.counts().batches
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await publisher.run() }
                try await until { publisher.status.mark == count && isDone(publisher) }
                try await until { (try? String(contentsOf: mark, encoding: .utf8))?.contains("epoch") ?? false }
                group.cancelAll()
            }
        }
        try await append(1...20)
        try await publish()
        cluster.kill(0)
        try cluster.keep(0)
        try cluster.start(0)
        try await append(21...40)
        try await publish()
        cluster.kill(0)
        try cluster.putBack(0)
        try cluster.start(0)
        for row in 1...60 as ClosedRange<Int64> {
            try await until { (try? await transport.publish(sampleBatch(row), from: "other")) != nil }
        }
        #expect(try await stored(transport) == Array(1...20))
        try await publish { $0.status.losses > 0 }
        #expect(try await stored(transport) == Array(1...40))
        await transport.shutdown()
    }

    @Test func `what others were given after it went back is not taken for what is loaded`() async throws {
        let cluster = try NATSCluster(1)
        let transport = try await cluster.transport("partitions=1&hold=1")
        func publish(_ rows: ClosedRange<Int64>, from node: String) async throws {
            for row in rows {
                try await until { (try? await transport.publish(sampleBatch(row), from: node)) != nil }
            }
        }
        /// The sequences that `source` has.
        func read(_ source: TransportSource, _ count: Int) async throws -> [Int64] {
            var found: [Int64] = []
            while found.count < count { found += try await source.read(after: found.last ?? 0, limit: 100).map(\.id) }
            return found
        }
        try await publish(1...20, from: "n")
        cluster.kill(0)
        try cluster.keep(0)
        try cluster.start(0)
        try await publish(21...40, from: "n")
        let first = TransportSource(transport: transport, partition: 0)
        let name = try await first.lane()
        #expect(try await read(first, 40) == Array(1...40))
        let times = try await first.read(after: 0, limit: 40).compactMap { $0.origin?.storedAt }
        try await first.commit(through: 40)
        #expect(try await transport.extent(of: 0).first == 41)
        cluster.kill(0)
        try cluster.putBack(0)
        try cluster.start(0)
        try await publish(1...60, from: "other")
        // Whoever goes on reads what comes, until it finds that it is another partition.
        while await !first.isGone { _ = try? await first.read(after: 40, limit: 100) }
        #expect(try await transport.extent(of: 0).first == 1, "nothing was acknowledged")
        // Whoever begins knows from the first that is there, once what was loaded before has gone.
        let loaded = LoadedLane(through: 40, storedAt: times.max())
        let second = TransportSource(transport: transport, partition: 0)
        let next = try await second.lane(behind: name) { $0 == name ? loaded : nil }
        #expect(next == name + "-40")
        #expect(try await read(second, 80) == Array(1...80))
        await transport.shutdown()
    }
}
