// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Synchronization
import Testing

/// Checks as events: who listens, hears of each; who does not, costs nothing.
@Suite("Evaluation events", .timeLimit(.minutes(5))) struct EvaluationEventTests {
    let user = FloodgateUser(userID: "u1")

    @Test(.rows("EVA-21, OBS-15")) func `tells of each evaluation, with value, rule and reason`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            var events = client.events(of: .evaluations).makeAsyncIterator()
            _ = client.checkGate("open", for: user)
            guard case .gateEvaluated(let gate)? = await events.next() else { return #expect(Bool(false), "no gate") }
            #expect(gate.name == "open")
            #expect(gate.value)
            #expect(gate.ruleID == "rule_open")
            #expect(gate.details.reason.wireName == "Network:Recognized")

            let unknown = client.gate("none", for: user, options: .withoutExposure)
            #expect(await events.next() == .gateEvaluated(unknown))
            let config = client.dynamicConfig("config", for: user)
            #expect(await events.next() == .dynamicConfigEvaluated(config))
            let experiment = client.experiment("experiment", for: user)
            #expect(await events.next() == .experimentEvaluated(experiment))
            _ = client.layer("layer", for: user).string("copy", default: "")
            #expect(
                await events.next()
                    == .layerEvaluated(
                        "layer",
                        ruleID: "group_d",
                        allocatedExperiment: "delegate",
                        reason: .recognized(from: .network)
                    )
            )
            await client.shutdown()
        }
    }

    @Test(.rows("EVA-21")) func `answers and logs the same whether or not somebody listens`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            let unheard = client.gate("nested", for: user)
            let subscription = client.subscribe(to: .all) { _ in }
            #expect(client.checkGate("nested", for: user) == unheard.value)
            #expect(client.gate("nested", for: user) == unheard)
            _ = client.checkGate("open", for: user)
            _ = client.checkGate("closed", for: user, options: .withoutExposure)
            client.unsubscribe(subscription)
            _ = client.checkGate("open", for: user)
            await client.flush()
            let gates = bench.server.metadata(of: "statsig::gate_exposure").map { $0["gate"] }
            #expect(gates == ["nested", "open"])
            #expect(bench.server.metadata(of: "statsig::non_exposed_checks").count == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("EVA-21")) func `tells of the checks behind a parameter store`() async throws {
        let store: JSONObject = [
            "store": [
                "parameters": [
                    "gate": [
                        "ref_type": "gate", "param_type": "number", "gate_name": "open", "pass_value": 1,
                        "fail_value": 2,
                    ],
                    "experiment": [
                        "ref_type": "experiment", "param_type": "string", "experiment_name": "experiment",
                        "param_name": "copy",
                    ],
                    "layer": [
                        "ref_type": "layer", "param_type": "number", "layer_name": "layer", "param_name": "rows",
                    ],
                ]
            ]
        ]
        try await Bench.run(TestDocument(extra: ["param_stores": .object(store)])) { bench in
            let client = bench.makeClient()
            await client.initialize()
            var events = client.events(of: .evaluations).makeAsyncIterator()
            let values = client.parameterStore("store", for: user)
            _ = values.int("gate", default: 0)
            _ = values.string("experiment", default: "")
            _ = values.int("layer", default: 0)
            #expect(await events.next()?.kind == .gateEvaluated)
            #expect(await events.next()?.kind == .experimentEvaluated)
            #expect(await events.next()?.kind == .layerEvaluated)
            await client.shutdown()
        }
    }

    @Test(.rows("EVA-21")) func `tells only of the kinds that were asked for, by default of no check`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            let heard = Mutex<[ClientEvent.Kind]>([])
            client.subscribe { event in heard.withLock { $0.append(event.kind) } }
            client.subscribe(to: [.layerEvaluated]) { event in heard.withLock { $0.append(event.kind) } }
            _ = client.checkGate("open", for: user)
            _ = client.layer("layer", for: user)
            _ = client.checkGate("closed", for: user)
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2").text))
            await bench.poll()
            while heard.withLock({ $0.count }) < 2 { await Task.yield() }
            #expect(heard.withLock { $0 } == [.layerEvaluated, .specsUpdated])
            #expect(client.missedEventCount == 0)
            await client.shutdown()
        }
    }

    @Test(.rows("EVA-21")) func `holds up no check for a slow subscriber, and counts what it misses`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            let heard = Mutex<[ClientEvent.Kind]>([])
            let (isHeld, released) = (Flag(), Flag())
            client.subscribe(to: [.gateEvaluated, .specsUpdated]) { event in
                isHeld.raise()
                await released.isRaised()
                heard.withLock { $0.append(event.kind) }
            }
            _ = client.checkGate("open", for: user)
            await isHeld.isRaised()
            for _ in 0..<1_500 { #expect(client.checkGate("open", for: user)) }
            #expect(client.missedEventCount == 500)
            // What is seldom gets through a flood of checks.
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2").text))
            await bench.poll()
            released.raise()
            while heard.withLock({ $0.count }) < 1_002 { await Task.yield() }
            #expect(heard.withLock { $0.last } == .specsUpdated)
            await client.shutdown()
        }
    }

    @Test func `counts what a stream that nobody reads misses`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            let events = client.events(of: .evaluations)
            for _ in 0..<1_010 { _ = client.checkGate("open", for: user) }
            #expect(client.missedEventCount == 10)
            client.unsubscribeAll()
            var count = 0
            for await _ in events { count += 1 }
            #expect(count == 1_000)
            await client.shutdown()
        }
    }

    @Test func `may be listened to from many threads while documents change`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            await withTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<50 {
                            let subscription = client.subscribe(to: .evaluations) { _ in }
                            #expect(client.checkGate("open", for: user))
                            client.unsubscribe(subscription)
                        }
                    }
                }
                group.addTask {
                    for number in 0..<200 { client.overrideGate("own", to: number.isMultiple(of: 2)) }
                }
            }
            var events = client.events(of: .evaluations).makeAsyncIterator()
            _ = client.checkGate("open", for: user)
            #expect(await events.next()?.kind == .gateEvaluated)
            await client.shutdown()
        }
    }
}

/// Something that callbacks may wait for.
private final class Flag: Sendable {
    private let value = Atomic(false)

    func raise() { value.store(true, ordering: .sequentiallyConsistent) }

    func isRaised() async { while !value.load(ordering: .sequentiallyConsistent) { await Task.yield() } }
}
