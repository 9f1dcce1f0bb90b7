// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import Testing

@Suite("Transport source") struct TransportSourceTests {
    private let transport = InMemoryTransport(partitionCount: 1)

    private func source(_ change: (inout TransportSourceOptions) -> Void = { _ in }) -> TransportSource {
        var options = TransportSourceOptions()
        options.wait = .zero
        options.patience = .zero
        options.doubt = .zero
        change(&options)
        return TransportSource(transport: transport, partition: 0, options: options)
    }

    private func publish(_ rows: ClosedRange<Int64>) async throws {
        for row in rows { try await transport.publish(batch(row), from: "n") }
    }

    /// The sequence of all that `source` has behind `position`, read in steps of `limit`.
    private func all(_ source: TransportSource, after position: Int64 = 0, limit: Int = 7) async throws -> [Int64] {
        var found: [Int64] = []
        while true {
            let more = try await source.read(after: found.last ?? position, limit: limit)
            if more.isEmpty { return found }
            found += more.map(\.id)
        }
    }

    @Test func `reads a partition in order, as often as it is asked, with the place where each batch was accepted`()
        async throws
    {
        try await publish(101...150)
        let source = source { $0.pullLimit = 3 }
        #expect(try await all(source) == Array(1...50))
        #expect(try await all(source, after: 20) == Array(21...50))
        let batch = try #require(try await source.read(after: 9, limit: 1).first)
        #expect(batch.origin?.node == "n" && batch.origin?.position == 110)
        #expect(batch.receivedAt == 110)
        #expect(try await source.read(after: 50, limit: 10).isEmpty)
        #expect(try await source.read(after: -1, limit: 1).map(\.id) == [1])
        #expect(try await source.read(after: .max, limit: 1).isEmpty)
    }

    @Test func `what is committed is forgotten, and not before`() async throws {
        try await publish(1...30)
        let source = source()
        #expect(try await all(source).count == 30)
        #expect(try await transport.status().lag == 30)
        try await source.commit(through: 12)
        #expect(try await transport.status().lag == 18)
        #expect(try await all(source, after: 12) == Array(13...30))
        try await source.commit(through: 30)
        #expect(try await transport.status().lag == 0)
    }

    @Test func `leaves nothing out that a loader holds which has died`() async throws {
        try await publish(1...10)
        #expect(try await all(source()).count == 10)
        try await publish(11...20)
        let second = source()
        #expect(try await all(second) == Array(1...20), "what the dead one holds is read all the same")
        try await second.commit(through: 20)
        #expect(try await transport.status().lag == 10, "it is acknowledged when it comes")
        transport.forgetHolders()
        #expect(try await all(second, after: 20).isEmpty)
        #expect(try await transport.status().lag == 0)
    }

    @Test func `what was committed before a crash, and not acknowledged, is acknowledged by the next loader`()
        async throws
    {
        try await publish(1...10)
        #expect(try await all(source()).count == 10)
        transport.forgetHolders()
        let second = source()
        try await second.commit(through: 6)
        #expect(try await all(second, after: 6) == Array(7...10))
        #expect(try await transport.status().lag == 4)
    }

    /// Another loader has gone on meanwhile, and has not said so to the broker.
    @Test(arguments: [true, false]) func `does not take what another loader has loaded for new`(isTimeKnown: Bool)
        async throws
    {
        try await publish(1...9)
        let times = try await source().read(after: 0, limit: 9).compactMap { $0.origin?.storedAt }
        transport.forgetHolders()
        let second = source()
        let name = try await second.lane()
        _ = try await second.lane(behind: nil) { $0 == name ? LoadedLane(through: 3, storedAt: times[2]) : nil }
        try await second.commit(through: 9, storedAt: isTimeKnown ? times[8] : nil)
        #expect(try await all(second, after: 9).isEmpty)
        #expect(await !second.isGone)
        #expect(try await transport.status().lag == 0)
    }

    @Test func `gives back what it holds`() async throws {
        try await publish(1...10)
        let first = source()
        #expect(try await all(first).count == 10)
        await first.release()
        #expect(try await transport.pull(partition: 0, limit: 100, within: .zero).count == 10)
    }

    @Test func `holds little more than it may, and still leaves nothing out`() async throws {
        try await publish(1...40)
        let source = source {
            $0.bufferBytes = 100
            $0.pullLimit = 4
        }
        #expect(try await all(source) == Array(1...40))
        let held = try await transport.status().partitions[0].unacknowledged
        #expect(held < 20, "\(held) of 40 are held")
    }

    @Test func `an acknowledgement that failed is made up for`() async throws {
        try await publish(1...10)
        let source = source()
        #expect(try await all(source).count == 10)
        transport.fail(with: TransportError(.unavailable, "away"))
        await #expect(throws: TransportError.self) { try await source.commit(through: 10) }
        let error = await #expect(throws: EventLogError.self) { try await source.read(after: 10, limit: 1) }
        #expect(error?.code == .storage)
        transport.fail(with: nil)
        #expect(try await all(source, after: 10).isEmpty)
        #expect(try await transport.status().lag == 0)
    }

    @Test func `does not go on in a partition that was made anew under its hands`() async throws {
        try await publish(1...5)
        let first = source()
        let lane = try await first.lane()
        #expect(try await all(first).count == 5)
        transport.remake()
        try await publish(6...9)
        await #expect(throws: EventLogError.self) { try await first.read(after: 5, limit: 10) }
        #expect(try await source().lane() != lane, "blocks of another life have other names")
        #expect(await first.isGone)
    }

    @Test func `acknowledges nothing in another partition of that name`() async throws {
        try await publish(1...5)
        let first = source()
        #expect(try await all(first).count == 5)
        transport.remake()
        try await publish(6...9)
        let error = await #expect(throws: TransportError.self) { try await first.commit(through: 5) }
        #expect(error?.code == .failed)
        #expect(await first.isGone)
        #expect(try await transport.status().lag == 4)
    }

    @Test func `does not take for known what a partition gives out again`() async throws {
        try await publish(1...9)
        let first = source()
        #expect(try await all(first).count == 9)
        try await first.commit(through: 9)
        transport.goBack(partition: 0, to: 6)
        try await publish(11...12)
        await #expect(throws: EventLogError.self) { try await first.read(after: 9, limit: 10) }
        #expect(await first.isGone)
        #expect(try await transport.status().lag == 2, "they are for the next one")
    }

    @Test func `does not take for known what others were given since, however far that goes`() async throws {
        try await publish(1...9)
        let first = source()
        #expect(try await all(first).count == 9)
        try await first.commit(through: 9)
        transport.goBack(partition: 0, to: 6)
        try await publish(11...30)
        await #expect(throws: EventLogError.self) { try await first.read(after: 9, limit: 10) }
        #expect(await first.isGone)
        #expect(try await transport.status().lag == 20, "they are for the next one")
    }

    @Test func `acknowledges nothing that was given the sequence of what it holds`() async throws {
        try await publish(1...9)
        let first = source()
        #expect(try await all(first).count == 9)
        transport.goBack(partition: 0, to: 6)
        try await publish(11...30)
        await #expect(throws: TransportError.self) { try await first.commit(through: 9) }
        #expect(await first.isGone)
        #expect(try await transport.status().lag == 26)
    }

    @Test func `what came after the last that is loaded, under its sequence, is loaded under another name`()
        async throws
    {
        try await publish(1...9)
        let times = try await source().read(after: 0, limit: 9).compactMap { $0.origin?.storedAt }
        let last = try #require(times.max())
        transport.goBack(partition: 0, to: 0)
        try await publish(11...30)
        let source = source()
        let name = try await source.lane()
        let known = try await source.lane(behind: nil) { $0 == name ? LoadedLane(through: 9, storedAt: last) : nil }
        #expect(known == name + "-9")
        let unknown = try await source.lane(behind: nil) { $0 == name ? LoadedLane(through: 9) : nil }
        #expect(unknown == name, "blocks of earlier versions do not tell")
    }

    @Test func `a partition that seems to be behind for a moment is gone on with`() async throws {
        try await publish(1...9)
        let first = source { $0.doubt = .seconds(3_600) }
        #expect(try await all(first).count == 9)
        transport.lag(by: 3, for: 2)
        for _ in 1...2 {
            let error = await #expect(throws: EventLogError.self) { try await first.read(after: 9, limit: 10) }
            #expect("\(error as Any)".contains("unavailable"))
        }
        #expect(try await first.read(after: 9, limit: 10).isEmpty)
        #expect(await !first.isGone)
        try await first.commit(through: 9)
        #expect(try await transport.status().lag == 0)
    }

    @Test func `a partition that stays behind has gone back`() async throws {
        try await publish(1...9)
        let first = source()
        #expect(try await all(first).count == 9)
        transport.lag(by: 3, for: .max)
        for isGone in [false, true] {
            await #expect(throws: EventLogError.self) { try await first.read(after: 9, limit: 10) }
            #expect(await first.isGone == isGone)
        }
    }

    @Test func `the name stays for a partition that seems to be behind for a moment`() async throws {
        try await publish(1...9)
        let source = source()
        let name = try await source.lane()
        transport.lag(by: 3, for: 1)
        #expect(try await source.lane(behind: nil) { $0 == name ? LoadedLane(through: 9) : nil } == name)
        transport.lag(by: 3, for: 2)
        #expect(try await source.lane(behind: nil) { $0 == name ? LoadedLane(through: 9) : nil } == name + "-9")
    }

    @Test func `a partition that went back is loaded under another name`() async throws {
        try await publish(1...9)
        let source = source()
        let name = try await source.lane()
        func lane(behind gone: String? = nil, _ loaded: [String: Int64]) async throws -> String {
            try await source.lane(behind: gone) { loaded[$0].map { LoadedLane(through: $0) } }
        }
        #expect(try await lane([:]) == name)
        #expect(try await lane(behind: name, [:]) == name, "nothing was loaded under it")
        #expect(try await lane([name: 9]) == name)
        #expect(try await lane([name: 10]) == name + "-10")
        #expect(try await lane(behind: name, [name: 9]) == name + "-9")
        #expect(try await lane([name: 10, name + "-10": 0]) == name + "-10", "begun, and nothing loaded")
        #expect(try await lane([name: 5, name + "-5": 7]) == name + "-5", "for good")
        #expect(try await lane([name: 5, name + "-5": 11]) == name + "-5-11")
    }
}

private func batch(_ position: Int64) -> LoggedBatch {
    LoggedBatch(
        id: position,
        receivedAt: position,
        environment: "production",
        keyKind: "server",
        eventCount: 1,
        exposureCount: 0,
        rawSizeBytes: 10,
        payload: Array(repeating: 7, count: 10)
    )
}
