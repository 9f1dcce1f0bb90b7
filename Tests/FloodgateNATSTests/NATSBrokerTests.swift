// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateNATS
import Testing

@Suite("NATS broker") struct NATSBrokerTests {
    @Test func `keeps the promises of a transport`() async throws {
        let cluster = try NATSCluster(1)
        try await checkEventTransport(await cluster.transport("partitions=2"))
    }

    @Test func `a full partition refuses, and takes more when some of it is loaded`() async throws {
        let cluster = try NATSCluster(1)
        try await checkFull(await cluster.transport("partitions=1&size=2MiB"))
    }

    @Test func `what a loader held when it died comes to another one`() async throws {
        let cluster = try NATSCluster(1)
        let first = try await cluster.transport("partitions=1&hold=2")
        for row in 1...20 as ClosedRange<Int64> { try await first.publish(sampleBatch(row), from: "n") }
        let held = try await pull(20, from: first)
        #expect(held.count == 20)
        try await first.acknowledge(Array(held[..<5]))
        await first.shutdown()

        let second = try await cluster.transport("partitions=1&hold=2")
        var again: [TransportDelivery] = []
        for _ in 0..<20 where Set(again.map(\.sequence)).count < 15 {
            again += try await second.pull(partition: 0, limit: 100, within: .seconds(1))
        }
        #expect(Set(again.map(\.batch)) == Set(held[5...].map(\.batch)))
        #expect(again.allSatisfy { $0.deliveryCount > 1 })
        await second.shutdown()
    }

    @Test func `no pull brings more than was asked for, and none loses what came too late for the one before`()
        async throws
    {
        let cluster = try NATSCluster(1)
        let transport = try await cluster.transport("partitions=1")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for row in 1...1_000 as ClosedRange<Int64> {
                group.addTask { try await transport.publish(sampleBatch(row), from: "n") }
            }
            try await group.waitForAll()
        }
        var came: [UInt64] = []
        while came.count < 1_000 {
            let limit = 1 + came.count % 7
            let some = try await transport.pull(partition: 0, limit: limit, within: .zero)
            #expect(some.count <= limit)
            came += some.map(\.sequence)
            try await transport.acknowledge(some)
        }
        #expect(came.sorted() == Array(1...1_000))
        #expect(try await transport.pull(partition: 0, limit: 10, within: .zero).isEmpty)
        await transport.shutdown()
    }

    @Test func `a broker that is no cluster has no copies`() async throws {
        let cluster = try NATSCluster(1)
        _ = try await cluster.transport("partitions=1")
        let error = await #expect(throws: TransportError.self) {
            try await NATSTransport(cluster.address("partitions=1&replicas=3&prefix=other")).prepare()
        }
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("'replicas'") == true)
    }

    /// Partitions and parts have a sixteenth more than `size`; with less, batches go on and loading says why it does not.
    @Test(arguments: [68, 67]) func `notes fit into what the parts may take, and batches do without`(mebibytes: Int)
        async throws
    {
        let cluster = try NATSCluster(1, store: "\(mebibytes)MB")
        let transport = try await cluster.transport("partitions=2&size=64MiB")
        try await transport.publish(sampleBatch(1), from: "n")
        if mebibytes == 68 {
            let version = try await transport.setNote("a", of: 1, replacing: 0)
            #expect(try await transport.note(of: 1) == TransportNote(text: "a", version: version))
        } else {
            let error = await #expect(throws: TransportError.self) { try await transport.note(of: 0) }
            #expect(error?.message.contains("its disk more room") == true, "\(error as Any)")
        }
        #expect(try await transport.publish(sampleBatch(2, size: 700_000), from: "n").isNew)
        await transport.shutdown()
    }

    @Test func `who is not known is refused, and nobody there is unavailable`() async throws {
        let cluster = try NATSCluster(1)
        _ = try await cluster.transport("partitions=1")
        var address = try cluster.address("partitions=1")
        address.password = "other"
        let refused = await #expect(throws: TransportError.self) { try await NATSTransport(address).prepare() }
        #expect(refused?.code == .refused)
        address.servers = ["127.0.0.1:1"]
        let away = await #expect(throws: TransportError.self) { try await NATSTransport(address).prepare() }
        #expect(away?.code == .unavailable)
        #expect(away?.message.contains("other") == false, "a message has no password")
    }

    @Test func `a stream that is removed is made again`() async throws {
        let cluster = try NATSCluster(1)
        let transport = try await cluster.transport("partitions=1")
        try await transport.publish(sampleBatch(1), from: "n")
        let first = try await transport.pull(partition: 0, limit: 10, within: .seconds(5))
        let version = try await transport.setNote("a", of: 0, replacing: 0)
        #expect(try await transport.note(of: 0) == TransportNote(text: "a", version: version))
        cluster.kill(0)
        try cluster.empty(0)
        try cluster.start(0)
        var isTaken = false
        for _ in 0..<100 where !isTaken {
            isTaken = (try? await transport.publish(sampleBatch(2), from: "n").isNew) ?? false
            if !isTaken { try await Task.sleep(for: .milliseconds(50)) }
        }
        #expect(isTaken)
        let second = try await cluster.transport("partitions=1").pull(partition: 0, limit: 10, within: .seconds(5))
        #expect(second.map(\.sequence) == [1])
        #expect(second.first?.epoch != first.first?.epoch, "the same number in another life")
        // Its first answer is that the stream is gone, not that there is no note.
        await #expect(throws: TransportError.self) { try await transport.note(of: 0) }
        #expect(try await transport.note(of: 0) == TransportNote())
        await transport.shutdown()
    }
}

/// A transport of one partition of 2 MiB refuses what does not fit, keeps what does, and goes on.
func checkFull(_ transport: NATSTransport) async throws {
    var row: Int64 = 0
    var refusal: TransportError?
    while refusal == nil, row < 100 {
        do throws(TransportError) {
            row += 1
            try await transport.publish(sampleBatch(row, size: 200_000), from: "n")
        } catch {
            refusal = error
        }
    }
    #expect(refusal?.code == .full, "\(String(describing: refusal))")
    let kept = try await pull(Int(row) - 1, from: transport)
    #expect(kept.map(\.batch.id) == Array(1..<row), "what was acknowledged before is all there")
    try await transport.acknowledge(kept)
    var isTaken = false
    for _ in 0..<100 where !isTaken {
        isTaken = (try? await transport.publish(sampleBatch(row, size: 200_000), from: "n").isNew) ?? false
        if !isTaken { try await Task.sleep(for: .milliseconds(50)) }
    }
    #expect(isTaken)
    await transport.shutdown()
}

/// So many batches of the first partition, which may come in several turns; fewer if no more come.
private func pull(_ count: Int, from transport: NATSTransport) async throws -> [TransportDelivery] {
    var found: [TransportDelivery] = []
    while found.count < count {
        let some = try await transport.pull(partition: 0, limit: count - found.count, within: .seconds(5))
        if some.isEmpty { break }
        found += some
    }
    return found
}
