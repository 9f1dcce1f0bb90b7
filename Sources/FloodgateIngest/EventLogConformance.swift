// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvents
internal import FloodgateJSON

/// A promise of `EventLog` that an adapter does not keep.
package struct EventLogViolation: Error, CustomStringConvertible {
    package var description: String
}

/// The promises of `EventLog`, checked in every adapter's tests against an empty log.
/// - Throws: `EventLogViolation` at the first promise that is not kept; whatever the log throws.
package func checkEventLog(_ log: some EventLog) async throws {
    func expect(_ condition: Bool, _ promise: String) throws {
        guard condition else { throw EventLogViolation(description: promise) }
    }

    try expect(log.isAccepting, "an open log accepts")
    try expect(try await log.counts() == EventCounts(), "an empty log counts nothing")
    try expect(try await log.segments().isEmpty, "an empty log has no ledger")
    try expect(log.fill == 0, "an empty log takes nothing of its quota")
    try expect(try await log.read(after: 0, limit: 10).isEmpty, "an empty log has nothing to read")

    var kept: [LoggedBatch] = []
    for number in 1...5 {
        var batch = try sampleBatch(number, environment: number == 3 ? "staging" : "production")
        batch.id = try await log.append(batch)
        try expect(batch.id > (kept.last?.id ?? 0), "positions rise from above 0")
        kept.append(batch)
    }
    try expect(try await log.read(after: 0, limit: 100) == kept, "what was appended is read back, in order, unchanged")
    try expect(try await log.read(after: 0, limit: 2) == Array(kept[..<2]), "no more is read than asked for")
    try expect(
        try await log.read(after: kept[1].id, limit: 100) == Array(kept[2...]),
        "reading goes on behind a position"
    )
    try expect(try await log.read(after: kept[4].id, limit: 100).isEmpty, "there is nothing behind the newest")
    try expect(try await log.read(after: -1, limit: 1) == [kept[0]], "a negative position is before the first")
    try expect(try await log.read(after: .max, limit: 1).isEmpty, "no position is out of range")
    try expect(try await log.read(after: 0, limit: 0).isEmpty, "a limit of 0 reads nothing")
    try expect(try kept[4].unpack() == sampleEvents(5), "a batch unpacks to the events that were packed")

    var counts = EventCounts()
    for batch in kept { counts.add(batch) }
    try expect(try await log.counts() == counts, "counts are the sums of what was appended")

    var ledger: [LoggedSegment.Key: LoggedSums] = [:]
    for segment in try await log.segments() { ledger.merge(segment.entries) { $0.adding($1) } }
    var expected = LoggedSegment(number: 0, isSealed: false)
    for batch in kept { expected.add(batch.sums, environment: batch.environment, at: batch.receivedAt) }
    try expect(ledger == expected.entries, "the ledger has the sums of what was appended")

    // Appends from many tasks: all are kept, each once, in the order of their positions.
    let positions = try await withThrowingTaskGroup(of: Int64.self) { group in
        for number in 100..<200 {
            group.addTask { try await log.append(try sampleBatch(number, environment: "production")) }
        }
        return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
    }
    try expect(positions.count == 100, "each append has a position of its own")
    let later = try await log.read(after: kept[4].id, limit: 1000)
    try expect(later.map(\.id) == positions.sorted(), "concurrent appends are all kept, in rising order")
    let numbers = Set(later.map(\.receivedAt))
    try expect(numbers == Set(100..<200), "concurrent appends are kept each once")
    try expect(try await log.counts().batches == 105, "concurrent appends are counted")

    guard let prompt = log as? any PromptEventLog else { return }
    let (positionsSaid, say) = AsyncStream.makeStream(of: Result<Int64, EventLogError>.self)
    for number in 200..<220 {
        prompt.append(try sampleBatch(number, environment: "production")) { say.yield($0) }
    }
    var said: [Int64] = []
    for await result in positionsSaid.prefix(20) { said.append(try result.get()) }
    let newest = try await log.read(after: later.last?.id ?? 0, limit: 1000)
    try expect(
        newest.map(\.id) == said.sorted(),
        "each append that nobody waits for says its position, once it is kept"
    )
    try expect(newest.map(\.receivedAt) == Array(200..<220), "appends from one thread are kept in their order")
}

private func sampleEvents(_ number: Int) -> EventBatch {
    let user: JSONObject = ["userID": .string("u-\(number)")]
    return EventBatch(
        events: [
            Event(name: "purchase", time: Int64(number), user: user, value: .double(9.5), metadata: ["sku": "Ä 1"]),
            Event(
                name: InternalEventName.gateExposure,
                time: Int64(number),
                user: user,
                metadata: ["gate": "new_checkout", "gateValue": "true", "ruleID": "everyone"],
                secondaryExposures: [["gate": "beta", "gateValue": "false", "ruleID": ""]]
            ),
        ],
        statsigMetadata: ["sdkType": "conformance"]
    )
}

private func sampleBatch(_ number: Int, environment: String) throws -> LoggedBatch {
    var batch = try LoggedBatch(
        packing: sampleEvents(number),
        receivedAt: Int64(number),
        sentAt: number.isMultiple(of: 2) ? Int64(number) - 1 : nil,
        environment: environment,
        keyKind: "server"
    )
    batch.idempotencyKey = number.isMultiple(of: 3) ? "key \(number)" : nil
    batch.idXor = 0xF000_0000_0000_0000 | UInt64(number)
    batch.idSum = .max - UInt64(number)
    return batch
}
