// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateNATS
import Foundation
import Logging
import Synchronization
import Testing

@Suite("NATS cluster", .serialized, .brokers(3)) struct NATSClusterTests {
    /// How often brokers are killed; more for a soak (Scripts/soak-nats.sh).
    private static let rounds = Int(ProcessInfo.processInfo.environment["FLOODGATE_NATS_ROUNDS"] ?? "").map {
        max(1, $0)
    }

    /// Publishes and loads a log while `faults` happen.
    ///
    /// - Returns: The positions whose appends were acknowledged, and the places where each batch was found.
    private func publish(
        through cluster: NATSCluster,
        tasks: Int,
        while faults: (EventPublisher) async throws -> Void
    ) async throws -> (acknowledged: Set<Int64>, came: [Int64: Set<Int64>], mayBeTwice: Bool) {
        let transport = try await cluster.transport("partitions=2")
        let log = InMemoryEventLog(segment: 1)
        // Nothing was sent before.
        try Data("\(Int64(1) << 32)\n".utf8).write(to: cluster.folder.appending(path: "mark"))
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
        let isPublished = Flag()
        return try await withThrowingTaskGroup(of: (Set<Int64>, [Int64: Set<Int64>]).self) { group in
            let running = Flag()
            group.addTask {
                await withTaskGroup(of: Void.self) { inner in
                    inner.addTask { await publisher.run() }
                    while !running.isSet { try? await Task.sleep(for: .milliseconds(10)) }
                    inner.cancelAll()
                }
                return ([], [:])
            }
            while !publisher.isKeepingUp { try await Task.sleep(for: .milliseconds(5)) }
            for partition in 0..<2 {
                group.addTask { ([], try await load(partition, of: transport, until: isPublished)) }
            }
            for _ in 0..<tasks {
                group.addTask {
                    var acknowledged: Set<Int64> = []
                    while !isOver.isSet {
                        let position = try? await replicated.append(sampleBatch(0, size: 1_000))
                        if let position { acknowledged.insert(position) }
                        try? await Task.sleep(for: .milliseconds(5))
                    }
                    return (acknowledged, [:])
                }
            }
            try await faults(publisher)
            isOver.set()
            // Every append has ended before the last position is the last.
            var acknowledged: Set<Int64> = []
            for _ in 0..<tasks { acknowledged.formUnion(try await group.next()?.0 ?? []) }
            let last = try await log.counts().lastPosition
            while publisher.status.mark < last { try await Task.sleep(for: .milliseconds(10)) }
            isPublished.set()
            running.set()
            var came: [Int64: Set<Int64>] = [:]
            while let (_, found) = try await group.next() { came.merge(found) { $0.union($1) } }
            #expect(came.count == Int(last - 1 << 32), "all that is in the log comes")
            await transport.shutdown()
            return (acknowledged, came, publisher.status.resentThrough > 0)
        }
    }

    /// Reads a partition, and commits what it read, until nothing is left of what was published.
    private func load(
        _ partition: Int,
        of transport: NATSTransport,
        until isPublished: Flag
    ) async throws -> [Int64: Set<Int64>] {
        let source = TransportSource(transport: transport, partition: partition)
        var came: [Int64: Set<Int64>] = [:]
        var last: Int64 = 0
        while true {
            let isLast = isPublished.isSet
            guard let batches = try? await source.read(after: last, limit: 500) else {
                try await Task.sleep(for: .milliseconds(100))
                continue
            }
            if batches.isEmpty {
                if isLast { return came }
                try await Task.sleep(for: .milliseconds(20))
            }
            for batch in batches {
                came[batch.origin?.position ?? 0, default: []].insert(Int64(partition) << 48 | batch.id)
                last = batch.id
            }
            try? await source.commit(through: last)
        }
    }

    @Test func `keeps the promises of a transport`() async throws {
        try await checkEventTransport(await NATSCluster.shared.transport("partitions=2&prefix=promises"))
    }

    @Test func `a full partition refuses, and takes more when some of it is loaded`() async throws {
        try await checkFull(await NATSCluster.shared.transport("partitions=1&size=2MiB&prefix=full"))
    }

    @Test(.timeLimit(.minutes(3 + (rounds ?? 1))))
    func `brokers that are killed and come back cost no batch, and none is kept twice`() async throws {
        let cluster = try NATSCluster.shared
        let (acknowledged, came, mayBeTwice) = try await publish(through: cluster, tasks: 8) { publisher in
            for round in 0..<(Self.rounds ?? 1) {
                let (first, second) = (round % 3, (round + 1) % 3)
                try await published(100, by: publisher)
                cluster.kill(first)
                try await published(300, by: publisher)
                cluster.kill(second)
                while publisher.status.trouble == nil { try await Task.sleep(for: .milliseconds(5)) }
                let before = publisher.status.published
                try await Task.sleep(for: .milliseconds(500))
                #expect(publisher.status.published == before, "one broker of three acknowledges nothing")
                #expect(publisher.status.inFlight > 0)
                try cluster.start(first)
                try cluster.start(second)
                try await published(300, by: publisher)
            }
        }
        #expect(acknowledged.count > 600)
        #expect(acknowledged.isSubset(of: came.keys), "what was acknowledged comes")
        // Brokers that have started since know the ids of what they hold, not of what was loaded.
        #expect(mayBeTwice || came.values.allSatisfy { $0.count == 1 }, "what comes twice is known to the publisher")
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
