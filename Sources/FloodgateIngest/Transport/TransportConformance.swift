// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvents
internal import FloodgateJSON

/// A promise of `EventTransport` that an adapter does not keep.
package struct EventTransportViolation: Error, CustomStringConvertible {
    package var description: String
}

/// The promises of `EventTransport`, checked in every adapter's tests against an empty transport.
/// - Throws: `EventTransportViolation` at the first promise that is not kept; whatever the transport throws.
package func checkEventTransport(_ transport: some EventTransport) async throws {
    func expect(_ condition: Bool, _ promise: String) throws {
        guard condition else { throw EventTransportViolation(description: promise) }
    }

    try await transport.prepare()
    try await transport.prepare()
    try expect(transport.isConnected, "a transport that is prepared is connected")
    try expect(transport.partitionCount > 0, "there is a partition")
    try expect(try await settles(transport, 0), "an empty transport has no lag")
    for partition in [-1, 0, transport.partitionCount, .max] {
        let none = try await transport.pull(partition: partition, limit: 1, within: .milliseconds(1))
        try expect(none.isEmpty, "an empty transport, and no partition, has nothing")
    }

    // What is published comes out, each once, unchanged, where it belongs.
    let batches = try (1...40).map { try sampleBatch($0) }
    var receipts: [TransportReceipt] = []
    for batch in batches { receipts.append(try await transport.publish(batch, from: "n-1")) }
    try expect(receipts.allSatisfy(\.isNew), "a new batch is new")
    let again = try await transport.publish(batches[7], from: "n-1")
    try expect(!again.isNew, "a batch that is sent again is known")
    try expect(again.sequence == receipts[7].sequence, "a batch that is known is where it was")
    try expect(try await transport.publish(batches[7], from: "n-2").isNew, "another node's batch is another one")
    try expect(try await settles(transport, 41), "what is published and not acknowledged is the lag")
    let held = try await drain(transport)
    try expect(held.count == 41, "all batches come, each once")
    for batch in batches {
        let found = held.filter { $0.node == "n-1" && $0.batch == batch }
        try expect(found.count == 1, "a batch comes as it was published, once")
        let partition = EventPartition.index(
            environment: batch.environment,
            position: batch.id,
            count: transport.partitionCount
        )
        try expect(found.first?.partition == partition, "a batch comes in the partition that it belongs to")
        let receipt = TransportReceipt(isNew: true, partition: partition, sequence: found.first?.sequence ?? 0)
        try expect(receipts[Int(batch.id & 0xFFFF_FFFF) - 1] == receipt, "a receipt says where the batch is")
        try expect(found.first?.deliveryCount == 1, "the first delivery is the first")
    }
    for partition in 0..<transport.partitionCount {
        let sequences = held.filter { $0.partition == partition }.map(\.sequence)
        let times = held.filter { $0.partition == partition }.map(\.storedAt)
        try expect(times == times.sorted() && times.allSatisfy { $0 > 0 }, "what is behind is no older")
        try expect(sequences == Array(1..<UInt64(sequences.count + 1)), "sequences count from 1, without gaps")
    }
    for delivery in held {
        let read = try await transport.read(partition: delivery.partition, sequence: delivery.sequence)
        try expect(read?.batch == delivery.batch && read?.node == delivery.node, "what somebody holds can be read")
        try expect(read?.token == "" && read?.epoch == delivery.epoch, "what is read is not handed out")
        let (position, partition, sequence) = (delivery.batch.id, delivery.partition, delivery.sequence)
        let isKept = try await transport.isKept(position, of: delivery.node, in: partition, at: sequence)
        let isOther = try await transport.isKept(position + 1, of: delivery.node, in: partition, at: sequence)
        let isOfOther = try await transport.isKept(position, of: "n-3", in: partition, at: sequence)
        try expect(isKept == true && isOther == false && isOfOther == false, "it is known which batch is where")
        let extent = try await transport.extent(of: delivery.partition)
        try expect(extent.first == 1 && extent.last >= delivery.sequence, "an extent has what is there")
        let first = held.first { $0.partition == partition && $0.sequence == 1 }
        try expect(extent.firstStoredAt == first?.storedAt, "an extent says since when its first is there")
        try expect(read?.storedAt == delivery.storedAt, "what is read is as old as what is handed out")
        try expect(extent.epoch == delivery.epoch, "an extent is of the epoch that deliveries say")
        let next = try await transport.read(partition: delivery.partition, sequence: extent.last + 1)
        try expect(next == nil, "there is nothing behind the last")
    }
    try expect(try await drain(transport).isEmpty, "what somebody holds comes to nobody else")
    try await transport.extend(held)

    // What is given back comes again; what is acknowledged does not.
    try await transport.acknowledge(Array(held[..<30]))
    try await transport.acknowledge([])
    try expect(try await settles(transport, 11), "what is acknowledged is gone")
    try await transport.release(Array(held[30...]))
    var returned = try await drain(transport)
    returned.sort { ($0.partition, $0.sequence) < ($1.partition, $1.sequence) }
    var expected = Array(held[30...])
    expected.sort { ($0.partition, $0.sequence) < ($1.partition, $1.sequence) }
    try expect(
        returned.map(\.sequence) == expected.map(\.sequence) && returned.map(\.batch) == expected.map(\.batch),
        "what was given back comes again, under the same numbers"
    )
    try expect(returned.allSatisfy { $0.deliveryCount > 1 }, "a delivery says that it is not the first")
    try expect(returned.allSatisfy { $0.epoch == held.first?.epoch || transport.partitionCount > 1 }, "an epoch stays")
    try await transport.acknowledge(returned)
    try expect(try await settles(transport, 0), "nothing is left")
    for delivery in returned {
        let read = try await transport.read(partition: delivery.partition, sequence: delivery.sequence)
        try expect(read == nil, "what is acknowledged cannot be read any more")
        let (partition, sequence) = (delivery.partition, delivery.sequence)
        let isKept = try await transport.isKept(delivery.batch.id, of: delivery.node, in: partition, at: sequence)
        try expect(isKept == nil, "where something was acknowledged there is nothing")
    }

    // Of two who replace the same note, one does.
    try expect(try await transport.note(of: 0) == TransportNote(), "there is no note at first")
    let version = try await transport.setNote("ä", of: 0, replacing: 0)
    try expect(try await transport.note(of: 0) == TransportNote(text: "ä", version: version), "a note is kept")
    let next = try await transport.setNote("b", of: 0, replacing: version)
    for old in [0, version] {
        do throws(TransportError) {
            _ = try await transport.setNote("c", of: 0, replacing: old)
            throw TransportError(.failed, "")
        } catch {
            try expect(error.code == .overtaken, "a note that was replaced is not replaced again")
        }
    }
    try expect(try await transport.note(of: 0) == TransportNote(text: "b", version: next), "the later note stays")

    // Large batches, and many at a time.
    var large = try sampleBatch(1_000)
    large.payload = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    try expect(try await transport.publish(large, from: "n-1").isNew, "a large batch is taken")
    let one = try await drain(transport)
    try expect(one.map(\.batch) == [large], "a large batch comes as it was published")
    try await transport.acknowledge(one)
    let count = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 2_000..<2_200 {
            group.addTask { try await transport.publish(try sampleBatch(number), from: "n-1").isNew }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    try expect(count == 200, "batches may be published at the same time")
    let last = try await drain(transport)
    try expect(Set(last.map(\.batch.id)).count == 200, "all that was published at the same time comes")
    try await transport.acknowledge(last)

    await transport.shutdown()
    do throws(TransportError) {
        try await transport.publish(batches[0], from: "n-1")
        throw TransportError(.failed, "")
    } catch {
        try expect(error.code == .closed, "after the end a call says so")
    }
}

/// Whether the lag becomes `lag`: brokers count it a little later than they acknowledge.
private func settles(_ transport: some EventTransport, _ lag: Int64) async throws -> Bool {
    for _ in 0..<100 {
        if try await transport.status().lag == lag { return true }
        try await Task.sleep(for: .milliseconds(50))
    }
    return false
}

/// All that nobody holds, of all partitions at the same time.
private func drain(_ transport: some EventTransport) async throws -> [TransportDelivery] {
    try await withThrowingTaskGroup(of: [TransportDelivery].self) { group in
        for partition in 0..<transport.partitionCount {
            group.addTask {
                var found: [TransportDelivery] = []
                while true {
                    let some = try await transport.pull(partition: partition, limit: 100, within: .milliseconds(300))
                    if some.isEmpty { return found }
                    found += some
                }
            }
        }
        return try await group.reduce(into: []) { $0 += $1 }
    }
}

private func sampleBatch(_ number: Int) throws -> LoggedBatch {
    var batch = try LoggedBatch(
        packing: EventBatch(events: [Event(name: "purchase", time: Int64(number), user: ["userID": "u \u{1F600}"])]),
        receivedAt: Int64(number),
        sentAt: number.isMultiple(of: 2) ? Int64(number) - 1 : nil,
        environment: number.isMultiple(of: 3) ? "pröduction\r\n" : "staging",
        keyKind: "server"
    )
    batch.id = 7 << 32 | Int64(number)
    if number.isMultiple(of: 4) {
        batch.idempotencyKey = "key \(number)"
        batch.idXor = .max - UInt64(number)
        batch.idSum = UInt64(number)
    }
    return batch
}
