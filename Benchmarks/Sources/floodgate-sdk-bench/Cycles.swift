// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Floodgate

/// Starts and shuts down again and again, half of the time the same client: nothing may be left behind.
struct Cycles {
    let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() throws -> JSONObject {
        let client = makeClient()
        // Threads and memory that the first few take are there to stay.
        for _ in 0..<10 { try cycle(client) }
        let before = Facts()
        let begin = Clock.monotonic.now
        for index in 0..<arguments.count { try cycle(index % 2 == 0 ? client : makeClient()) }
        let wall = Clock.monotonic.now - begin
        return [
            "before": before.json, "after": Facts().json, "cycle_ms": .double(wall / Double(arguments.count) * 1e3),
        ]
    }

    private func makeClient() -> FloodgateClient {
        var options = FloodgateClient.Options()
        options.server = arguments.server
        options.initTimeout = .seconds(60)
        return FloodgateClient(key: "secret-bench", options: options)
    }

    private func cycle(_ client: FloodgateClient) throws {
        let user = FloodgateUser(madeUp: 1)
        try wait {
            let details = await client.initialize()
            guard client.isReady else { throw BenchmarkError("the client did not start: \(details)") }
            _ = client.checkGate("g00001", for: user)
            await client.shutdown()
        }
    }
}

/// Checks with exposures for users that come once, as requests bring them: memory may not grow with their number.
struct NewUsers {
    let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() throws -> JSONObject {
        var options = FloodgateClient.Options()
        options.server = arguments.server
        options.initTimeout = .seconds(60)
        let client = FloodgateClient(key: "secret-bench", options: options)
        try wait { _ = await client.initialize() }
        var facts: [JSONValue] = []
        var passes = 0
        let begin = Clock.monotonic.now
        // The first quarter fills what is bounded.
        for quarter in 0..<4 {
            for index in 0..<arguments.count / 4 {
                let user = FloodgateUser(madeUp: quarter * (arguments.count / 4) + index)
                if client.checkGate("g00001", for: user) { passes += 1 }
            }
            facts.append(Facts().json)
        }
        let wall = Clock.monotonic.now - begin
        try wait { await client.shutdown() }
        let statistics = client.eventStatistics
        return [
            "quarters": .array(facts), "passes": .integer(passes),
            "users_per_s": .double(Double(arguments.count) / wall),
            "sent": .integer(statistics.sent), "dropped": .integer(statistics.droppedInAll),
        ]
    }
}

/// Memory, threads and descriptors at one moment.
private struct Facts {
    let json: JSONValue

    init() {
        ResidentMemory.trim()
        json = [
            "rss_kb": .integer(ResidentMemory.now.sizeKilobytes), "threads": .integer(ProcessFacts.threads),
            "descriptors": .integer(ProcessFacts.descriptors),
        ]
    }
}
