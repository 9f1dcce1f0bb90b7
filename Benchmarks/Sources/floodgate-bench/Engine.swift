// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import FloodgateEvaluation
internal import FloodgateJSON

/// The calls that are measured; shared by all threads.
protocol Engine: Sendable {
    /// Checks a gate.
    func checkGate(_ name: String, for user: FloodgateUser) -> Bool

    /// Evaluates an experiment and reads its four parameters; their sum keeps the compiler from leaving that out.
    func readExperiment(_ name: String, for user: FloodgateUser) -> Int

    /// Everything for one user, serialised, as a web or mobile SDK starts with it.
    func everything(for user: FloodgateUser) -> [UInt8]

    /// Waits until every event that was logged is serialised and gone.
    func settle() async

    /// Events that were logged, and those of them that were dropped before they were serialised.
    var events: (logged: Int, dropped: Int) { get }
}

/// The evaluator alone.
struct EvaluatorEngine: Engine {
    let evaluator: Evaluator

    init(document: [UInt8]) throws {
        guard let ruleset = try Ruleset(reading: document, receivedAt: 0) else {
            throw BenchmarkError("the document is empty")
        }
        evaluator = Evaluator(
            ruleset,
            from: .bootstrap,
            surroundings: Surroundings(now: { Int64(Clock.wall.now * 1_000) })
        )
    }

    func checkGate(_ name: String, for user: FloodgateUser) -> Bool {
        evaluator.checkGate(name, for: user)
    }

    func readExperiment(_ name: String, for user: FloodgateUser) -> Int {
        guard let value = evaluator.experiment(name, for: user).value else { return 0 }
        return (value["color"]?.stringValue?.utf8.count ?? 0) + Int(value["size"]?.integerValue ?? 0)
            + (value["rounded"]?.boolValue == true ? 1 : 0) + (value["copy"]?.stringValue?.utf8.count ?? 0)
    }

    func everything(for user: FloodgateUser) -> [UInt8] {
        evaluator.clientInitializeBytes(for: user)
    }

    func settle() async {}

    var events: (logged: Int, dropped: Int) { (0, 0) }
}
