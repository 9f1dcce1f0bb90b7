// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import FloodgateEvaluation
internal import FloodgateJSON

/// Holds a user in a constant, so that a call borrows it; reading one from an array would copy it first, reference by
/// reference.
final class Person {
    let user: FloodgateUser

    init(_ user: FloodgateUser) { self.user = user }
}

/// One thread's share of a measurement.
final class Lane {
    /// How many operations a batch is.
    let size: Int
    private let users: [Person]
    private let gates: [String]
    private let work: Work
    /// Batches done so far; decides what `rotatingGates` asks next.
    private var position: Int
    /// Nanoseconds an operation took, batch by batch.
    private(set) var batches: [Double] = []
    /// CPU seconds that the thread spent on them itself.
    private(set) var spent = 0.0

    /// Makes the share of thread number `index`; `repeatsNothing` gives `rotatingGates` enough users that no exposure is
    /// logged twice.
    init(_ inputs: Inputs, _ work: Work, index: Int, repeatsNothing: Bool) {
        let generations = work == .rotatingGates && repeatsNothing ? Self.generations : 1
        let users = (0..<generations).flatMap { generation in
            inputs.makeUsers(generation: generations == 1 ? 0 : index * generations + generation)
        }
        self.users = users.prefix(work == .everything ? 20 : users.count).map(Person.init)
        self.size = self.users.count / generations
        self.gates = (0..<inputs.gateCount).map { "g" + padded($0, 5) }
        self.work = work
        self.position = generations == 1 ? index * 101 : 0
        batches.reserveCapacity(100_000)
    }

    /// Enough for a second at one million operations a second and 200 gates.
    private static let generations = 8

    /// Does every user once; the sum of the answers, which for gates is how many pass.
    func batch(_ engine: borrowing some Engine) -> Int {
        var sum = 0
        switch work {
        case .gateOn: for person in users where engine.checkGate("g00000", for: person.user) { sum += 1 }
        case .halfGate: for person in users where engine.checkGate("g00001", for: person.user) { sum += 1 }
        case .targetedGate: for person in users where engine.checkGate("g00003", for: person.user) { sum += 1 }
        case .experiment: for person in users { sum &+= engine.readExperiment("e00000", for: person.user) }
        case .everything: for person in users { sum &+= engine.everything(for: person.user).count }
        case .rotatingGates:
            let first = position / gates.count * size % users.count
            for index in 0..<size
            where engine.checkGate(gates[(7 * index + position) % gates.count], for: users[first + index].user) {
                sum += 1
            }
            position += 1
        case .load: break
        }
        return sum
    }

    /// Repeats batches until `end` on the monotonic clock.
    func run(_ engine: borrowing some Engine, until end: Double) {
        let cpu = Clock.thread.now
        defer { spent += Clock.thread.now - cpu }
        var start = Clock.monotonic.now
        repeat {
            _ = batch(engine)
            let stop = Clock.monotonic.now
            batches.append((stop - start) * 1e9 / Double(size))
            start = stop
        } while start < end
    }
}

/// Measures one work on one engine.
struct Measurement {
    let arguments: Arguments
    let inputs: Inputs

    /// The line that the protocol asks for.
    func run(_ engine: some Engine) throws -> JSONObject {
        let lanes = (0..<arguments.threads).map { index in
            Lane(inputs, arguments.work, index: index, repeatsNothing: arguments.logsExposures)
        }
        let size = lanes[0].size
        if arguments.operations > 0 {
            let count = max(1, arguments.operations / size)
            for _ in 0..<count { _ = lanes[0].batch(engine) }
            return ["work": .string(arguments.work.rawValue), "ops": .integer(count * size)]
        }
        let check = lanes[0].batch(engine)
        let warm = Clock.monotonic.now + 0.2
        while Clock.monotonic.now < warm { _ = lanes[0].batch(engine) }
        try wait { await engine.settle() }
        let before = engine.events
        let resident = ResidentMemory.now.sizeKilobytes
        let (cpu, start) = (Clock.process.now, Clock.monotonic.now)
        let end = start + arguments.seconds
        let others = lanes.dropFirst().map { lane in
            nonisolated(unsafe) let lane = lane
            return JoinableThread { lane.run(engine, until: end) }
        }
        lanes[0].run(engine, until: end)
        for thread in others { thread.join() }
        let wall = Clock.monotonic.now - start
        // What waits is somebody's work too: it counts as CPU time, not as time that callers see.
        try wait { await engine.settle() }
        let spent = Clock.process.now - cpu
        let after = engine.events
        let batches = lanes.flatMap(\.batches)
        let operations = batches.count * size
        let gates: [Work] = [.gateOn, .halfGate, .targetedGate]
        return [
            "peer": "floodgate", "work": .string(arguments.work.rawValue),
            "api": .string(arguments.interface.rawValue), "expo": arguments.logsExposures ? "on" : "off",
            "threads": .integer(arguments.threads), "ops": .integer(operations), "wall_s": .double(wall),
            "ops_per_s": .double(Double(operations) / wall),
            "cpu_ns_per_op": .double(spent / Double(operations) * 1e9),
            "caller_cpu_ns_per_op": .double(lanes.reduce(0) { $0 + $1.spent } / Double(operations) * 1e9),
            "rss_growth_kb": .integer(ResidentMemory.now.sizeKilobytes - resident),
            "check": gates.contains(arguments.work) ? .integer(check) : .null,
            "events": .integer(after.logged - before.logged),
            "events_dropped": .integer(after.dropped - before.dropped),
            "batches_ns": .array(batches.map { .double(($0 * 100).rounded() / 100) }),
        ]
    }
}
