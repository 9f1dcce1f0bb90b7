// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import FoundationEssentials
import Testing

/// Events that a shutdown leaves on disk for the next start.
@Suite("Spilled events", .timeLimit(.minutes(5))) struct SpillTests {
    let user = FloodgateUser(userID: "u1")

    /// A folder for what is left, and a server that takes no events.
    private func withSpills(_ test: (Bench, String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await Bench.run { bench in
            bench.server.on(Bench.events, .status(503))
            try await test(bench, folder.path())
        }
    }

    private func makeClient(_ bench: Bench, _ folder: String, key: String = Bench.key) -> FloodgateClient {
        bench.makeClient(key: key) {
            $0.cacheFolder = folder
            $0.spillsEvents = true
            $0.eventBatchSize = 10
        }
    }

    /// A client that shuts down before it could send one event.
    private func leaveEvent(_ bench: Bench, _ folder: String) async {
        let client = makeClient(bench, folder)
        await client.initialize()
        client.logEvent("e", for: user)
        await client.shutdown()
    }

    private func spills(_ folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasPrefix("floodgate-events-") }
    }

    private func names(_ bench: Bench) -> [String] { bench.server.events.compactMap { $0["eventName"]?.stringValue } }

    @Test(.rows("LIF-12")) func `sends at the next start what a shutdown could not`() async throws {
        try await withSpills { bench, folder in
            let first = makeClient(bench, folder)
            await first.initialize()
            for number in 0..<25 { first.logEvent("e\(number)", for: user) }
            await first.shutdown()
            #expect(first.eventStatistics.spilled == 25)
            #expect(first.eventStatistics.waiting == 0)
            #expect(first.eventStatistics.droppedInAll == 0)
            #expect(spills(folder).count == 3)

            // Another key's clients leave them alone.
            bench.server.on(Bench.events, .ok("{}"))
            let before = names(bench).count
            let other = makeClient(bench, folder, key: "secret-other")
            await other.initialize()
            await bench.tick(2)
            await other.shutdown()
            #expect(names(bench).count == before)

            let second = makeClient(bench, folder)
            await second.initialize()
            await bench.tick(2)
            #expect(Set(names(bench).dropFirst(before)) == Set((0..<25).map { "e\($0)" }))
            #expect(second.eventStatistics.recovered == 25)
            #expect(second.eventStatistics.sent == 25)
            #expect(second.eventStatistics.waiting == 0)
            await second.shutdown()
            #expect(spills(folder).isEmpty)
        }
    }

    /// Has another client send the one event that was left.
    private func sendLeft(_ bench: Bench, _ folder: String) async {
        bench.server.on(Bench.events, .ok("{}"))
        let second = makeClient(bench, folder)
        await second.initialize()
        await bench.tick(2)
        #expect(second.eventStatistics.sent == 1)
        await second.shutdown()
    }

    @Test func `sends a batch under the same name as before it was left`() async throws {
        try await withSpills { bench, folder in
            await leaveEvent(bench, folder)
            let before = Set(bench.server.requests(Bench.events).map { $0.header("idempotency-key") })
            #expect(before.count == 1 && !before.contains(nil))
            await sendLeft(bench, folder)
            #expect(Set(bench.server.requests(Bench.events).map { $0.header("idempotency-key") }) == before)
        }
    }

    @Test(arguments: [#"{"count":1,"gzip":false}"#, #"{"count":1,"gzip":false,"id":"a\r\nx-other: b"}"#])
    func `sends what lies there without a good name`(header: String) async throws {
        try await withSpills { bench, folder in
            await leaveEvent(bench, folder)
            let file = try #require(spills(folder).first)
            try Data((header + "\n{\"events\":[]}").utf8).write(to: URL(filePath: "\(folder)/\(file)"))
            await sendLeft(bench, folder)
            let request = try #require(bench.server.requests(Bench.events).last)
            #expect(request.header("x-other") == nil)
            #expect(request.header("idempotency-key") == (header.contains("id") ? "ax-other: b" : nil))
        }
    }

    @Test func `leaves them again when the next start cannot send them either`() async throws {
        try await withSpills { bench, folder in
            bench.server.on(Bench.events, .rawThenClose([]))
            for round in 0..<3 {
                let client = makeClient(bench, folder)
                await client.initialize()
                await bench.clock.isAsked(for: .seconds(1))
                client.logEvent("e\(round)", for: user)
                await client.shutdown()
                #expect(client.eventStatistics.spilled == round + 1)
                #expect(spills(folder).count == round + 1)
            }
            bench.server.on(Bench.events, .ok("{}"))
            let client = makeClient(bench, folder)
            await client.initialize()
            await bench.tick(2)
            #expect(client.eventStatistics.sent == 3)
            await client.shutdown()
        }
    }

    @Test(arguments: ["", "x", "{}\n", #"{"count":-1,"gzip":true}"# + "\nx", #"{"count":1}"# + "\nx"])
    func `deletes what does not read`(text: String) async throws {
        try await withSpills { bench, folder in
            await leaveEvent(bench, folder)
            for file in spills(folder) { try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(file)")) }
            let second = makeClient(bench, folder)
            await second.initialize()
            await bench.tick()
            #expect(second.eventStatistics.recovered == 0)
            await second.shutdown()
            #expect(spills(folder).isEmpty)
        }
    }

    @Test func `leaves alone what another process is sending, unless that was long ago`() async throws {
        try await withSpills { bench, folder in
            await leaveEvent(bench, folder)
            let file = try #require(spills(folder).first)
            var path = "\(folder)/\(file)"
            for (minutes, isTaken) in [(59, false), (61, true)] as [(Int64, Bool)] {
                let claimed = "\(folder)/\(file).claimed-\(ManualClock.start - minutes * 60_000)"
                try FileManager.default.moveItem(atPath: path, toPath: claimed)
                path = claimed
                let client = makeClient(bench, folder)
                await client.initialize()
                await bench.clock.isAsked(for: .seconds(1))
                #expect(client.eventStatistics.recovered == (isTaken ? 1 : 0))
                await client.shutdown()
            }
        }
    }

    @Test(.rows("FAI-09")) func `drops events as before when the folder cannot be written`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.events, .status(503))
            let client = makeClient(bench, "/dev/null/folder")
            await client.initialize()
            client.logEvent("e", for: user)
            await client.shutdown()
            #expect(client.eventStatistics.spilled == 0)
            #expect(client.eventStatistics.dropped == [.shutdown: 1])
        }
    }

    @Test(.rows("LIF-03")) func `shuts down in its time when the disk hangs`() async throws {
        try await withSpills { bench, folder in
            func client() -> FloodgateClient {
                bench.makeClient {
                    $0.cacheFolder = folder
                    $0.spillsEvents = true
                    $0.shutdownTimeout = .milliseconds(1500)
                }
            }
            let first = client()
            await first.initialize()
            first.logEvent("e", for: user)
            await first.shutdown()
            let file = try #require(spills(folder).first)
            let pipe = try Pipe(inPlaceOf: "\(folder)/\(file)")

            let second = client()
            await second.initialize()
            // Whoever takes the pipe for a batch has begun to read it.
            while spills(folder) == [file], !Task.isCancelled { await Task.yield() }
            second.logEvent("e", for: user)
            async let end: Void = second.shutdown()
            await bench.clock.pass(.milliseconds(1500))
            await end
            #expect(second.eventStatistics.dropped == [.shutdown: 1])
            #expect(second.eventStatistics.spilled == 0)

            // What was given up is not written later either.
            await pipe.endReading(at: "\(folder)/\(try #require(spills(folder).first))")
            await second.initialize()
            await bench.tick()
            #expect(second.eventStatistics.recovered == 0)
            await second.shutdown()
            #expect(spills(folder).isEmpty)
        }
    }

    @Test func `leaves its events on disk when the task that shuts down is cancelled`() async throws {
        try await withSpills { bench, folder in
            let client = makeClient(bench, folder)
            await client.initialize()
            client.logEvent("e", for: user)
            await withTaskGroup { group in
                group.addTask {
                    while !Task.isCancelled { await Task.yield() }
                    await client.shutdown()
                }
                group.cancelAll()
            }
            #expect(client.eventStatistics.spilled == 1)
            #expect(spills(folder).count == 1)
        }
    }

    @Test func `keeps within its bound, the newest first`() async throws {
        try await withSpills { bench, folder in
            let client = bench.makeClient {
                $0.cacheFolder = folder
                $0.spillsEvents = true
                $0.eventBatchSize = 10
                $0.maxEventBytes = 64 << 20
            }
            await client.initialize()
            // Texts that do not compress, 10 MB in all.
            var state: UInt64 = 1
            for _ in 0..<100 {
                let text = String(
                    (0..<100_000).map { _ in
                        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                        return Character(UnicodeScalar(UInt8(33 + (state >> 33) % 90)))
                    }
                )
                client.logEvent("e", for: user, value: .string(text))
            }
            await client.shutdown()
            let statistics = client.eventStatistics
            #expect(statistics.spilled + (statistics.dropped[.shutdown] ?? 0) == 100)
            #expect(statistics.spilled >= 70 && statistics.spilled < 100)
            let bytes = try spills(folder).reduce(0) { sum, file in
                let size = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(file)")[.size] as? Int
                return sum + (size ?? 0)
            }
            #expect(bytes <= 8 << 20)
        }
    }

    @Test func `writes no events without a folder, nor unless asked to`() async throws {
        try await withSpills { bench, folder in
            let client = bench.makeClient { $0.cacheFolder = folder }
            let other = bench.makeClient { $0.spillsEvents = true }
            for client in [client, other] {
                await client.initialize()
                client.logEvent("e", for: user)
                await client.shutdown()
                #expect(client.eventStatistics.dropped == [.shutdown: 1])
            }
            #expect(spills(folder).isEmpty)
        }
    }
}
