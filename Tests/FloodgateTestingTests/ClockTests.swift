// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateTesting
import Testing

@Suite("The manual clock", .timeLimit(.minutes(5))) struct ClockTests {
    let ann = FloodgateUser(userID: "ann")

    @Test func `decides rules about the time`() async {
        var document = TestDocument()
        document.gates["sale"] = .from(unixMilliseconds: ManualClock.defaultStart + 60_000)
        document.gates["presale"] = .until(unixMilliseconds: ManualClock.defaultStart + 60_000)
        let flags = FloodgateFixture(document)
        #expect(!flags.client.checkGate("sale", for: ann))
        #expect(flags.client.checkGate("presale", for: ann))
        await flags.clock.advance(by: .seconds(61))
        #expect(flags.client.checkGate("sale", for: ann))
        #expect(!flags.client.checkGate("presale", for: ann))
        flags.clock.setDate(unixMilliseconds: ManualClock.defaultStart)
        #expect(!flags.client.checkGate("sale", for: ann))
        #expect(flags.clock.now.offset == .seconds(61))
    }

    @Test(arguments: [false, true]) func `ends the window for duplicates`(isInitialized: Bool) async {
        let flags = FloodgateFixture()
        if isInitialized { await flags.client.initialize() }
        _ = flags.client.checkGate("gate", for: ann)
        await flags.clock.advance(by: .seconds(59))
        _ = flags.client.checkGate("gate", for: ann)
        #expect(await flags.exposures().count == 1)
        await flags.clock.advance(by: .seconds(2))
        _ = flags.client.checkGate("gate", for: ann)
        #expect(await flags.exposures().map(\.time) == [0, 61_000].map { ManualClock.defaultStart + $0 })
        await flags.client.shutdown()
    }

    @Test func `makes the client poll`() async {
        var document = TestDocument()
        document.gates["gate"] = .on
        let flags = FloodgateFixture(document)
        await flags.client.initialize()
        for round in 0..<20 {
            let isOn = round % 2 == 1
            document.gates["gate"] = isOn ? .on : .off
            flags.publish(document)
            await flags.clock.advance(by: .seconds(9.5))
            #expect(flags.client.checkGate("gate", for: ann) != isOn)
            await flags.clock.advance(by: .seconds(0.5))
            #expect(flags.client.checkGate("gate", for: ann) == isOn)
        }
        flags.publish(document: Array("<html>".utf8))
        await flags.clock.advance(by: .seconds(10))
        #expect(flags.client.checkGate("gate", for: ann))
        await flags.client.shutdown()
    }

    @Test func `shows how old the document is`() async {
        let flags = FloodgateFixture()
        #expect(flags.client.specsStatus.age == .zero)
        await flags.clock.advance(by: .seconds(90))
        #expect(flags.client.specsStatus.age == .seconds(90))
    }

    @Test func `makes the client send events by itself`() async {
        let flags = FloodgateFixture()
        await flags.client.initialize()
        flags.client.logEvent("purchase", for: ann)
        #expect(flags.client.eventStatistics.sent == 0)
        await flags.clock.advance(by: .seconds(61))
        #expect(flags.client.eventStatistics.sent == 1)
        await flags.client.shutdown()
    }

    @Test func `wakes other sleepers in their order`() async throws {
        let clock = ManualClock()
        let (ends, end) = AsyncStream<Int>.makeStream()
        await withThrowingTaskGroup { group in
            for seconds in [3, 1, 2] {
                group.addTask {
                    try await clock.sleep(until: ManualClock.Instant(offset: .zero).advanced(by: .seconds(seconds)))
                    end.yield(seconds)
                }
            }
            var order: [Int] = []
            var iterator = ends.makeAsyncIterator()
            for _ in 0..<3 {
                await clock.advance(by: .seconds(1))
                if let seconds = await iterator.next() { order.append(seconds) }
            }
            #expect(order == [1, 2, 3])
        }
        try await clock.sleep(until: clock.now)
        let cancelled = Task { try await clock.sleep(for: .seconds(1)) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
    }

    @Test func `passes an hour in minutes at most`() async {
        let flags = FloodgateFixture()
        await flags.client.initialize()
        let begin = flags.clock.now
        await flags.clock.advance(by: .seconds(3_600))
        #expect(begin.duration(to: flags.clock.now) == .seconds(3_600))
        await flags.client.shutdown()
    }
}
