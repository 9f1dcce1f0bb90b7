// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Floodgate
internal import Glibc

/// Logs events as fast as one thread can, each different, for a server that takes connections and never answers.
struct Flood {
    let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() throws -> JSONObject {
        var options = FloodgateClient.Options()
        options.server = arguments.server
        options.bootstrap = MadeUp.document(specs: arguments.specs)
        options.pollInterval = .seconds(86_400)
        options.disableDiagnostics = true
        let client = FloodgateClient(key: "secret-bench", options: options)
        try wait { _ = await client.initialize() }
        let gates = (0..<100).map { "g" + padded($0, 5) }
        ResidentMemory.trim()
        let resident = ResidentMemory.now.sizeKilobytes

        let end = Clock.monotonic.now + arguments.seconds
        let logged = LoggedCount()
        let thread = JoinableThread {
            var number = 0
            while Clock.monotonic.now < end {
                // Of a hundred events one is the application's own.
                let user = FloodgateUser(madeUp: number)
                for gate in gates.dropFirst() { _ = client.checkGate(gate, for: user) }
                client.logEvent("purchase", for: user, value: .integer(number), metadata: ["order": "\(number)"])
                number += 1
            }
            logged.count = number * gates.count
        }
        var samples: [JSONValue] = []
        var highest = 0
        while Clock.monotonic.now < end {
            usleep(100_000)
            let now = ResidentMemory.now.sizeKilobytes - resident
            highest = max(highest, now)
            let passed = Clock.monotonic.now - end + arguments.seconds
            if samples.count < Int(passed / 2) { samples.append(.integer(now)) }
        }
        thread.join()
        let before = client.eventStatistics
        let begin = Clock.monotonic.now
        try wait { await client.shutdown() }
        let shutdown = Clock.monotonic.now - begin
        let after = client.eventStatistics
        ResidentMemory.trim()
        return [
            "logged": .integer(logged.count), "sent": .integer(before.sent), "waiting": .integer(before.waiting),
            "dropped": .integer(before.droppedInAll), "waiting_at_end": .integer(after.waiting),
            "dropped_at_end": .integer(after.droppedInAll), "sent_at_end": .integer(after.sent),
            "shutdown_ms": .double(shutdown * 1e3), "bound_kb": .integer(options.maxEventBytes / 1_024),
            "highest_kb": .integer(highest), "every_2_s_kb": .array(samples),
            "trimmed_at_end_kb": .integer(ResidentMemory.now.sizeKilobytes - resident),
        ]
    }
}

/// A number that one thread writes before it is joined and another reads after.
private final class LoggedCount: @unchecked Sendable {
    // SAFETY: see above; joining orders the two.
    var count = 0
}
