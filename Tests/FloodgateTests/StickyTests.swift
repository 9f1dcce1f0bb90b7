// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Synchronization
import Testing

/// Rows STO-13 to STO-21 of the checklist: what units were assigned, kept in the application's store.
@Suite("Sticky assignments", .timeLimit(.minutes(5))) struct StickyTests {
    let user = FloodgateUser(userID: "u1")
    let store = InMemoryStickyStore()

    private func client(
        _ document: TestDocument = TestDocument(),
        _ change: (inout FloodgateClient.Options) -> Void = { _ in }
    ) async -> FloodgateClient {
        var options = FloodgateClient.Options()
        options.bootstrap = document.bytes
        options.disableNetwork = true
        options.stickyStore = store
        change(&options)
        let client = FloodgateClient(key: Bench.key, options: options)
        await client.initialize()
        return client
    }

    /// The document with other experiments, by name.
    private func document(_ configs: JSONObject, layer: JSONValue? = nil) -> TestDocument {
        var extra: JSONObject = ["dynamic_configs": .object(configs)]
        if let layer { extra["layer_configs"] = ["layer": layer] }
        return TestDocument(extra: extra)
    }

    private func experiment(group: String, isActive: Bool = true, before rules: [JSONValue] = []) -> JSONValue {
        TestDocument.spec(
            "experiment",
            default: [:],
            rules: rules + [
                TestDocument.rule(group, condition: "public", returns: ["copy": .string(group)], groupName: group)
            ],
            ["isActive": .bool(isActive)]
        )
    }

    private func kept(_ name: String) -> StickyValue? { store.load("u1:userID")?[name] }

    @Test(.rows("STO-14, STO-15")) func `keeps a unit in its group when the split changes`() async {
        let before = await client(document(["test": experiment(group: "old")]))
        let first = before.experiment(
            "test",
            for: user,
            options: .keeping(before.stickyAssignments(for: user))
        )
        #expect(first.groupName == "old")
        #expect(first.details.reason == .recognized(from: .bootstrap))
        #expect(kept("test")?.ruleID == "old")

        let after = await client(document(["test": experiment(group: "new")]))
        let second = after.experiment("test", for: user, options: .keeping(after.stickyAssignments(for: user)))
        #expect(second.groupName == "old")
        #expect(second.string("copy", default: "") == "old")
        #expect(second.ruleID == "old")
        #expect(second.idType == "userID")
        #expect(second.details.reason == .persisted)
        #expect(second.details.time == 1_750_000_000_000)
        let other = FloodgateUser(userID: "u2")
        let third = after.experiment("test", for: other, options: .keeping(after.stickyAssignments(for: other)))
        #expect(third.groupName == "new")
        #expect(after.dynamicConfig("test", for: user).string("copy", default: "") == "new")
    }

    @Test(.rows("STO-13")) func `forgets what a check does not ask for`() async {
        let client = await client()
        _ = client.experiment("experiment", for: user, options: .keeping(StickyAssignments()))
        _ = client.layer("layer", for: user, options: .keeping(StickyAssignments()))
        #expect(store.load("u1:userID")?.names == ["experiment", "layer"])
        #expect(client.experiment("experiment", for: user).groupName == "Short")
        #expect(store.load("u1:userID")?.names == ["layer"])
        _ = client.layer("layer", for: user)
        #expect(store.load("u1:userID") == nil)
    }

    @Test func `leaves the store alone for parameter stores, manual exposures and configs`() async {
        var document = TestDocument()
        document.extra["param_stores"] = [
            "store": [
                "parameters": [
                    "a": [
                        "ref_type": "experiment", "param_type": "string", "experiment_name": "experiment",
                        "param_name": "copy",
                    ],
                    "b": [
                        "ref_type": "layer", "param_type": "string", "layer_name": "layer", "param_name": "copy",
                    ],
                ]
            ]
        ]
        let client = await client(document)
        _ = client.experiment("experiment", for: user, options: .keeping(StickyAssignments()))
        _ = client.layer("layer", for: user, options: .keeping(StickyAssignments()))
        let values = client.parameterStore("store", for: user)
        #expect(values.string("a", default: "") == "short")
        #expect(values.string("b", default: "") == "brief")
        client.logExperimentExposure("experiment", for: user)
        client.logLayerExposure("layer", parameter: "copy", for: user)
        _ = client.dynamicConfig("experiment", for: user)
        #expect(store.load("u1:userID")?.names == ["experiment", "layer"])
        #expect(client.parameterStoreNames == ["store"])
    }

    @Test(.rows("STO-16")) func `lets go when the experiment ends`() async {
        let running = await client(document(["test": experiment(group: "old")]))
        _ = running.experiment("test", for: user, options: .keeping(StickyAssignments()))
        let ended = await client(document(["test": experiment(group: "new", isActive: false)]))
        let answer = ended.experiment("test", for: user, options: .keeping(ended.stickyAssignments(for: user)))
        #expect(answer.groupName == "new")
        #expect(answer.details.reason == .recognized(from: .bootstrap))
        #expect(kept("test") == nil)
    }

    @Test(.rows("STO-17, STO-18"), arguments: ["targetingGate", "g1:override"])
    func `lets go of a value when asked to enforce what the document says`(rule: String) async {
        let running = await client(document(["test": experiment(group: "old")]))
        _ = running.experiment("test", for: user, options: .keeping(StickyAssignments()))
        let first = TestDocument.rule(rule, condition: "public", returns: ["copy": "enforced"])
        let changed = await client(document(["test": experiment(group: "new", before: [first])]))
        var options = CheckOptions.keeping(changed.stickyAssignments(for: user))
        #expect(changed.experiment("test", for: user, options: options).ruleID == "old")
        options.sticky?.enforcesTargeting = rule == "targetingGate"
        options.sticky?.enforcesOverrides = rule != "targetingGate"
        #expect(changed.experiment("test", for: user, options: options).ruleID == rule)
        options.sticky?.enforcesTargeting.toggle()
        options.sticky?.enforcesOverrides.toggle()
        #expect(changed.experiment("test", for: user, options: options).ruleID == "old")
        #expect(kept("test")?.ruleID == "old", "what is kept stays")
    }

    @Test(.rows("STO-19")) func `keeps a layer while the experiment behind it runs`() async {
        func layer(_ delegate: String) -> JSONValue {
            TestDocument.spec(
                "layer",
                default: [:],
                rules: [TestDocument.rule("r", condition: "public", returns: [:], configDelegate: delegate)]
            )
        }
        let two: JSONObject = ["one": experiment(group: "old"), "two": experiment(group: "new")]
        let before = await client(document(two, layer: layer("one")))
        #expect(before.layer("layer", for: user, options: .keeping(StickyAssignments())).groupName == "old")
        #expect(kept("layer")?.allocatedExperiment == "one")

        let after = await client(document(two, layer: layer("two")))
        let options = CheckOptions.keeping(after.stickyAssignments(for: user))
        let answer = after.layer("layer", for: user, options: options)
        #expect(answer.allocatedExperiment == "one")
        #expect(answer.string("copy", default: "") == "old")
        #expect(answer.details.reason == .persisted)

        let ended: JSONObject = ["one": experiment(group: "old", isActive: false), "two": experiment(group: "new")]
        let over = await client(document(ended, layer: layer("two")))
        #expect(over.layer("layer", for: user, options: options).allocatedExperiment == "two")
        #expect(kept("layer") == nil)
    }

    @Test(.rows("STO-20")) func `answers live when the store fails`() async {
        let log = RecordingLog()
        let client = await client { options in
            options.stickyStore = FailingStickyStore()
            options.logger = log.logger
        }
        let assignments = client.stickyAssignments(for: user)
        #expect(assignments.names.isEmpty)
        #expect(client.experiment("experiment", for: user, options: .keeping(assignments)).groupName == "Short")
        #expect(client.experiment("experiment", for: user).groupName == "Short")
        let failures = log.lines.filter { $0.contains("sticky") }
        #expect(failures.count == 3)
        #expect(failures.allSatisfy { $0.hasPrefix("info") && !$0.contains("u1") }, "no units in logs")
    }

    @Test func `does nothing for a user without the unit, or without a store`() async {
        let client = await client()
        let nobody = FloodgateUser()
        #expect(
            client.experiment("experiment", for: nobody, options: .keeping(StickyAssignments())).ruleID == "group_a"
        )
        #expect(client.stickyAssignments(for: nobody).names.isEmpty)
        #expect(client.stickyAssignments(for: user, idType: "companyID").names.isEmpty)
        var assignments = StickyAssignments()
        assignments["experiment"] = StickyValue(json: ["rule_id": "kept"])
        let without = await self.client { $0.stickyStore = nil }
        #expect(without.experiment("experiment", for: user, options: .keeping(assignments)).ruleID == "group_a")
        #expect(client.experiment("experiment", for: user, options: .keeping(assignments)).ruleID == "kept")
        #expect(client.experiment("experiment", for: nobody, options: .keeping(assignments)).ruleID == "group_a")
    }

    @Test(.rows("STO-21")) func `logs what is kept, not what is live`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient { $0.stickyStore = store }
            await client.initialize()
            var assignments = StickyAssignments()
            assignments["experiment"] = StickyValue(
                json: [
                    "value": true, "json_value": ["copy": "kept"], "rule_id": "old", "time": 1_600_000_000_000,
                    "config_version": 2, "secondary_exposures": [["gate": "g", "gateValue": "true", "ruleID": "r"]],
                ]
            )
            assignments["layer"] = StickyValue(
                json: [
                    "value": true, "json_value": ["copy": "kept"], "rule_id": "old", "config_delegate": "delegate",
                    "explicit_parameters": ["copy"], "time": 1_600_000_000_000,
                ]
            )
            _ = client.experiment("experiment", for: user, options: .keeping(assignments))
            _ = client.layer("layer", for: user, options: .keeping(assignments)).string("copy", default: "")
            await client.flush()
            let events = bench.server.events
            #expect(events.map { $0["metadata"]?["ruleID"] } == ["old", "old"])
            #expect(events.map { $0["metadata"]?["reason"] } == ["Persisted", "Persisted"])
            #expect(events.map { $0["metadata"]?["lcut"] } == ["1600000000000", "1600000000000"])
            #expect(events.first?["metadata"]?["configVersion"] == "2")
            #expect(events.first?["secondaryExposures"] == [["gate": "g", "gateValue": "true", "ruleID": "r"]])
            #expect(events.last?["metadata"]?["allocatedExperiment"] == "delegate")
            await client.shutdown()
        }
    }
}

/// Fails whatever is asked of it.
private struct FailingStickyStore: StickyStore {
    struct Failure: Error {}

    func load(_ key: String) throws -> StickyAssignments? { throw Failure() }
    func save(_ value: StickyValue, for name: String, under key: String) throws { throw Failure() }
    func delete(_ name: String, under key: String) throws { throw Failure() }
}
