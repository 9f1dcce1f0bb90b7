// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Floodgate

/// Starts a client once, in a process that has not done so before, and takes the time until it answered its first gate.
struct Start {
    let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    // `entered` is when the program's own code began, on the monotonic clock.
    func run(entered: Double) throws -> JSONObject {
        let user = FloodgateUser(madeUp: 1)
        ResidentMemory.trim()
        let resident = ResidentMemory.now.sizeKilobytes
        var options = FloodgateClient.Options()
        options.server = arguments.server
        options.cacheFolder = arguments.folder
        options.initTimeout = .seconds(60)
        // The application has read its document before it makes a client.
        if arguments.origin == .bootstrap { options.bootstrap = try contents(of: arguments.file) }

        let (cpu, begin) = (Clock.process.now, Clock.monotonic.now)
        let client = FloodgateClient(key: "secret-bench", options: options)
        options.bootstrap = nil
        let details = try wait { await client.initialize() }
        let loaded = Clock.monotonic.now
        let passes = client.checkGate("g00001", for: user)
        let (wall, spent) = (Clock.monotonic.now - begin, Clock.process.now - cpu)
        guard client.isReady else { throw BenchmarkError("the client did not start: \(details)") }

        let kept = ResidentMemory.now.sizeKilobytes - resident
        ResidentMemory.trim()
        return [
            "process_ms": arguments.spawned.map { .double((entered - $0) * 1e3) } ?? .null,
            "start_ms": .double(wall * 1e3), "initialize_ms": .double((loaded - begin) * 1e3),
            "start_cpu_ms": .double(spent * 1e3), "source": .string("\(details.source)"),
            "passes": .bool(passes), "rss_delta_kb": .integer(kept),
            "rss_trimmed_delta_kb": .integer(ResidentMemory.now.sizeKilobytes - resident),
            "peak_kb": .integer(ResidentMemory.peak.sizeKilobytes),
        ]
    }
}

extension FloodgateUser {
    /// The kit's user of a number, or one like it that nobody has seen yet.
    init(madeUp index: Int) {
        let user = MadeUp.user(index)
        self.init(
            userID: user["id"]?.stringValue,
            email: user["email"]?.stringValue,
            country: user["country"]?.stringValue,
            appVersion: user["appVersion"]?.stringValue,
            custom: ["plan": user["plan"] ?? .null, "age": user["age"] ?? .null]
        )
    }
}
