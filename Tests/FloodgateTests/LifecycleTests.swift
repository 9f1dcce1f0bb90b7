// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import FoundationEssentials
import ServiceLifecycle
import Synchronization
import Testing

/// Rows LIF of the checklist.
@Suite("Lifecycle", .timeLimit(.minutes(5))) struct LifecycleTests {
    let user = FloodgateUser(userID: "u1")

    @Test(.rows("LIF-01, LIF-06")) func `sends what waits, and is silent after a shutdown`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            client.logEvent("e", for: user)
            await client.shutdown()
            #expect(bench.server.events.count == 1)
            #expect(bench.clock.sleeperCount == 0, "nothing is left that could ask again")
            await client.shutdown()
            await client.flush()
            client.logEvent("late", for: user)
            #expect(bench.server.requests("/").count == 2)
            #expect(client.eventStatistics.dropped == [.shutdown: 1])
        }
    }

    @Test(.rows("LIF-02, LIF-03")) func `shuts down in its time when the server hangs`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on(Bench.events, .hang)
            bench.server.on(Bench.specs, .hang)
            await bench.passInterval()
            _ = await bench.server.requests(Bench.specs, count: 2)
            client.logEvent("e", for: user)
            async let end: Void = client.shutdown()
            _ = await bench.server.requests(Bench.events, count: 1)
            await bench.clock.pass(.seconds(3))
            await end
            #expect(client.eventStatistics.dropped == [.shutdown: 1])
            #expect(bench.clock.sleeperCount == 0)
        }
    }

    @Test(.rows("LIF-04")) func `waits for the batch that is on its way`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.events, .later(.ok("{}")))
            let client = bench.makeClient { $0.eventBatchSize = 10 }
            await client.initialize()
            for _ in 0..<10 { client.logEvent("e", for: user) }
            _ = await bench.server.requests(Bench.events, count: 1)
            async let end: Void = client.shutdown()
            await bench.clock.isAsked(for: .seconds(3))
            bench.server.release()
            await end
            #expect(client.eventStatistics.sent == 10)
        }
    }

    @Test(.rows("EVT-33")) func `flushes in its time when the server hangs, and keeps the events`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.events, .hang)
            let client = bench.makeClient()
            await client.initialize()
            client.logEvent("e", for: user)
            async let end: Void = client.flush()
            _ = await bench.server.requests(Bench.events, count: 1)
            await bench.clock.pass(.seconds(3))
            await end
            #expect(client.eventStatistics.waiting == 1)
            // The sender's own next attempt hangs, too, until it is given up.
            _ = await bench.server.requests(Bench.events, count: 2)
            bench.server.on(Bench.events, .ok("{}"))
            await bench.clock.pass(.seconds(9))
            await client.flush()
            #expect(client.eventStatistics.sent == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("LIF-05")) func `starts and ends a hundred times`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            for round in 1...100 {
                #expect(await client.initialize().isReady)
                client.logEvent("e", for: user)
                await client.shutdown()
                #expect(bench.server.events.count == round)
            }
            #expect(bench.clock.sleeperCount == 0)
            #expect(bench.server.requests("/").count == 200)
        }
    }

    @Test(.rows("LIF-07, LIF-08")) func `shares nothing with another client`() async throws {
        try await Bench.run { bench in
            let (first, second) = (bench.makeClient(key: "secret-1"), bench.makeClient(key: "secret-2"))
            await first.initialize()
            first.overrideGate("closed", to: true)
            first.logEvent("e", for: user)
            #expect(!second.isReady)
            await second.initialize()
            #expect(!second.checkGate("closed", for: user, options: .withoutExposure))
            #expect(second.eventStatistics.waiting == 0)
            await first.shutdown()
            #expect(second.checkGate("open", for: user))
            await second.shutdown()
            let keys = bench.server.requests(Bench.events).map { $0.header("statsig-api-key") }
            #expect(keys == ["secret-1", "secret-2"])
        }
    }

    @Test(.rows("LIF-10")) func `ends its work when it is let go`() async throws {
        try await Bench.run { bench in
            do {
                let client = bench.makeClient()
                await client.initialize()
                await bench.clock.isAsked(for: .seconds(10))
            }
            while bench.clock.sleeperCount > 0 { await Task.yield() }
            bench.clock.advance(by: .seconds(100))
            #expect(bench.server.requests("/").count == 1)
        }
    }

    @Test(.rows("LIF-11"), .enabled(if: residentBytes() != nil, "needs /proc"))
    func `takes no more memory for a million users than for ten thousand`() async {
        // In a process of its own, since the other tests in this one take memory besides.
        await #expect(processExitsWith: .success) {
            try await Bench.run { bench in
                let client = bench.makeClient { $0.maxEventBytes = 1 << 20 }
                await client.initialize()
                bench.server.on(Bench.events, .status(503))
                func check(_ users: Range<Int>) {
                    for number in users {
                        let user = FloodgateUser(userID: "user-\(number)", custom: ["plan": "pro"])
                        _ = client.checkGate("open", for: user, options: .withoutExposure)
                        // Memory for exposures has its bounds; with those filled, it is to stay as it is.
                        if number.isMultiple(of: 4) { _ = client.experiment("experiment", for: user) }
                    }
                }
                check(0..<500_000)
                let before = try #require(residentBytes())
                check(1_000_000..<2_000_000)
                // 32 bytes kept of each user would be more.
                let growth = try #require(residentBytes()) - before
                #expect(growth < 30 << 20, "grew by \(growth) bytes")
                await client.shutdown()
            }
        }
    }

    @Test(
        .rows("LIF-14"),
        arguments: [ManualClock.start - 3_600_000, ManualClock.start + 31_536_000_000, -1, .min, .max]
    )
    func `goes on when the wall clock jumps`(time: Int64) async throws {
        try await Bench.run { bench in
            let hasJumped = Atomic(false)
            var timing = bench.clock.timing
            let wall = timing.wall
            timing.wall = { hasJumped.load(ordering: .relaxed) ? time : wall() }
            let client = bench.makeClient(timing: timing) { $0.flushInterval = .seconds(5) }
            await client.initialize()
            hasJumped.store(true, ordering: .relaxed)
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            #expect(client.specsStatus.checksum == "2")
            // By the seconds that have passed, whatever the time of day.
            await bench.tick(6)
            #expect(bench.server.events.first?["time"]?.integerValue == time)
            await client.shutdown()
        }
    }

    @Test(.rows("LIF-15")) func `stays usable when a waiting task is cancelled`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .later(.ok(TestDocument().text)))
            let client = bench.makeClient()
            await withTaskGroup { group in
                group.addTask {
                    let details = await client.initialize()
                    #expect(!details.isSuccess)
                    #expect(details.failure?.code == .cancelled)
                }
                _ = await bench.server.requests(Bench.specs, count: 1)
                group.cancelAll()
            }
            bench.server.release()
            #expect(await client.initialize().isReady)
            #expect(bench.server.requests(Bench.specs).count == 1)
            await client.shutdown()
        }
    }

    @Test func `runs in a service group until its graceful shutdown`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            let group = ServiceGroup(services: [client], logger: RecordingLog().logger)
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await group.run() }
                await bench.clock.isAsked(for: .seconds(10))
                #expect(client.checkGate("open", for: user))
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            #expect(bench.server.events.count == 1)
            #expect(bench.clock.sleeperCount == 0)
        }
    }

    @Test func `ends its run when somebody else shuts it down`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await client.run() }
                await bench.clock.isAsked(for: .seconds(10))
                await client.shutdown()
                try await tasks.waitForAll()
            }
        }
    }
}

/// How much memory this process has in use, in bytes; nil where nobody knows.
private func residentBytes() -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return pages.map { $0 * 4096 }
}
