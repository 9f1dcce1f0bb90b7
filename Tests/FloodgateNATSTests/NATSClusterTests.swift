// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateNATS
import Foundation
import Logging
import Synchronization
import Testing

@Suite("NATS cluster", .serialized, .brokers(3)) struct NATSClusterTests {
    /// Publishes a log while `faults` happen, then takes all out.
    ///
    /// - Returns: The positions whose appends were acknowledged, and how often each batch came.
    private func publish(
        through cluster: NATSCluster,
        tasks: Int,
        while faults: (EventPublisher) async throws -> Void
    ) async throws -> (acknowledged: Set<Int64>, came: [Int64: Int]) {
        let transport = try await cluster.transport("partitions=2")
        let log = InMemoryEventLog()
        var options = EventPublisherOptions()
        options.patience = .seconds(60)
        let publisher = EventPublisher(
            log: log,
            transport: transport,
            node: "n",
            markFile: cluster.folder.path + "/mark",
            options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let replicated = ReplicatedEventLog(log: log, publisher: publisher)
        let isOver = Flag()
        let acknowledged = try await withThrowingTaskGroup(of: Set<Int64>.self) { group in
            group.addTask {
                await publisher.run()
                return []
            }
            while !publisher.isKeepingUp { try await Task.sleep(for: .milliseconds(5)) }
            for _ in 0..<tasks {
                group.addTask {
                    var acknowledged: Set<Int64> = []
                    while !isOver.isSet {
                        let position = try? await replicated.append(sampleBatch(0, size: 5_000))
                        if let position { acknowledged.insert(position) }
                        try? await Task.sleep(for: .milliseconds(2))
                    }
                    return acknowledged
                }
            }
            try await faults(publisher)
            isOver.set()
            let last = try await log.counts().lastPosition
            while publisher.status.mark < last { try await Task.sleep(for: .milliseconds(10)) }
            group.cancelAll()
            return try await group.reduce(into: Set<Int64>()) { $0.formUnion($1) }
        }
        var came: [Int64: Int] = [:]
        let last = try await log.counts().lastPosition
        for _ in 0..<200 where came.count < last {
            for partition in 0..<2 {
                let found =
                    (try? await transport.pull(partition: partition, limit: 1_024, within: .milliseconds(50))) ?? []
                for delivery in found { came[delivery.batch.id, default: 0] += 1 }
                try? await transport.acknowledge(found)
            }
        }
        #expect(came.count == Int(last), "all that is in the log comes")
        await transport.shutdown()
        return (acknowledged, came)
    }

    @Test func `keeps the promises of a transport`() async throws {
        try await checkEventTransport(await NATSCluster.shared.transport("partitions=2&prefix=promises"))
    }

    @Test func `a full partition refuses, and takes more when some of it is loaded`() async throws {
        try await checkFull(await NATSCluster.shared.transport("partitions=1&size=2MiB&prefix=full"))
    }

    @Test func `brokers that are killed and come back cost no batch, and none comes twice`() async throws {
        let cluster = try NATSCluster.shared
        let (acknowledged, came) = try await publish(through: cluster, tasks: 8) { publisher in
            try await published(100, by: publisher)
            cluster.kill(0)
            try await published(300, by: publisher)
            cluster.kill(1)
            while publisher.status.trouble == nil { try await Task.sleep(for: .milliseconds(5)) }
            let before = publisher.status.published
            try await Task.sleep(for: .milliseconds(500))
            #expect(publisher.status.published == before, "one broker of three acknowledges nothing")
            #expect(publisher.status.inFlight > 0)
            try cluster.start(0)
            try cluster.start(1)
            try await published(300, by: publisher)
        }
        #expect(acknowledged.isSubset(of: came.keys), "what was acknowledged comes")
        #expect(came.values.allSatisfy { $0 == 1 }, "the ids tell what was sent again")
    }

    /// Waits until `count` more batches have arrived.
    private func published(_ count: Int64, by publisher: EventPublisher) async throws {
        let goal = publisher.status.published + count
        while publisher.status.published < goal { try await Task.sleep(for: .milliseconds(5)) }
    }
}

/// Set once, by one task for others.
private final class Flag: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}
