// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Floodgate

/// Checks gates on one thread while the client takes a new document with each poll, and while there is none.
///
/// Slices of both kinds take turns. Before each one the program says which it will be, so that the server behaves, and
/// waits until the client has noticed.
struct Swaps {
    let arguments: Arguments
    private let users: [Person]
    private let gates: [String]

    init(_ arguments: Arguments) {
        self.arguments = arguments
        users = (0..<1_000).map { Person(FloodgateUser(madeUp: $0)) }
        gates = (0..<min(200, arguments.specs - arguments.specs / 5)).map { "g" + padded($0, 5) }
    }

    func run() throws -> JSONObject {
        var options = FloodgateClient.Options()
        options.server = arguments.server
        options.pollInterval = .seconds(1)
        options.initTimeout = .seconds(60)
        options.disableAllLogging = true
        let client = FloodgateClient(key: "secret-bench", options: options)
        let details = try wait { await client.initialize() }
        guard client.isReady else { throw BenchmarkError("the client did not start: \(details)") }

        var slices: [JSONValue] = []
        for round in 0..<arguments.rounds {
            for isTimed in [false, true] {
                // Neither kind is always the one that comes first.
                for isSwapping in round % 2 == 0 ? [false, true] : [true, false] {
                    slices.append(.object(slice(client, isSwapping: isSwapping, isTimed: isTimed)))
                }
            }
        }
        return ["slices": .array(slices)]
    }

    private func slice(_ client: FloodgateClient, isSwapping: Bool, isTimed: Bool) -> JSONObject {
        say(["mode": isSwapping ? "swap" : "quiet"])
        var position = 0
        let settled = Clock.monotonic.now + 1.3
        while Clock.monotonic.now < settled { batch(client, &position) }

        var (documents, time) = (0, client.specsStatus.time)
        var (batches, pauses) = (0, LongestChecks())
        let (process, thread, begin) = (Clock.process.now, Clock.thread.now, Clock.monotonic.now)
        var now = begin
        while now < begin + arguments.seconds {
            if isTimed { batch(client, &position, timing: &pauses) } else { batch(client, &position) }
            batches += 1
            let newest = client.specsStatus.time
            if newest != time { (documents, time) = (documents + 1, newest) }
            now = Clock.monotonic.now
        }
        let (own, all) = (Clock.thread.now - thread, Clock.process.now - process)
        let checks = Double(batches * users.count)
        return [
            "swapping": .bool(isSwapping), "timed": .bool(isTimed), "documents": .integer(documents),
            "checks_per_s": .double(checks / (now - begin)), "cpu_ns_per_check": .double(own / checks * 1e9),
            "other_cpu_share": .double((all - own) / (now - begin)), "longest_us": .double(pauses.longest * 1e6),
            "longest_undisturbed_us": .double(pauses.longestUndisturbed * 1e6),
            "above_100_us": .integer(pauses.countAbove100Microseconds),
        ]
    }

    private func gate(_ index: Int, _ position: Int) -> String { gates[(7 * index + position) % gates.count] }

    /// Every user once, at one of the gates each.
    private func batch(_ client: FloodgateClient, _ position: inout Int) {
        for (index, person) in users.enumerated() {
            _ = client.checkGate(gate(index, position), for: person.user, options: .withoutExposure)
        }
        position += 1
    }

    /// The same with a look at the clock after each check.
    private func batch(_ client: FloodgateClient, _ position: inout Int, timing pauses: inout LongestChecks) {
        pauses.begin()
        for (index, person) in users.enumerated() {
            _ = client.checkGate(gate(index, position), for: person.user, options: .withoutExposure)
            pauses.checked()
        }
        position += 1
    }
}

/// Holds a user in a constant, so that a call borrows it.
private final class Person: Sendable {
    let user: FloodgateUser

    init(_ user: FloodgateUser) { self.user = user }
}

/// The longest of many checks, and the longest during which the kernel gave the processor to nobody else.
private struct LongestChecks {
    private(set) var longest = 0.0
    private(set) var longestUndisturbed = 0.0
    private(set) var countAbove100Microseconds = 0
    private var last = 0.0
    private var preemptions = ThreadFacts.preemptions

    mutating func begin() { last = Clock.monotonic.now }

    mutating func checked() {
        let now = Clock.monotonic.now
        let time = now - last
        last = now
        // Asked only now and then: it is a system call.
        guard time > 10e-6 else { return }
        let before = preemptions
        preemptions = ThreadFacts.preemptions
        longest = max(longest, time)
        if preemptions == before { longestUndisturbed = max(longestUndisturbed, time) }
        if time > 100e-6 { countAbove100Microseconds += 1 }
        last = Clock.monotonic.now
    }
}
