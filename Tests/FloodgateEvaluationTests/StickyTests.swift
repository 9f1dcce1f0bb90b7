// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs
import Testing

/// What the recorded answers of the Rust core (`OwnGoldenTests`) do not reach: the stored form, and what it may hold.
@Suite("Sticky values") struct StickyTests {
    /// As the Rust core 0.24.0 handed it to its storage.
    private static let stored: JSONValue = [
        "value": true, "json_value": ["x": 1], "rule_id": "a", "group_name": "Ga",
        "secondary_exposures": [["gate": "g", "gateValue": "true", "ruleID": "gr"]],
        "undelegated_secondary_exposures": [["gate": "h", "gateValue": "false", "ruleID": ""]],
        "config_delegate": "e", "explicit_parameters": ["x"], "time": 1_700_000_000_000, "config_version": 3,
    ]

    private static let evaluator: Evaluator = {
        func spec(_ rules: [JSONValue], _ more: JSONObject = [:]) -> JSONValue {
            var spec: JSONObject = [
                "type": "dynamic_config", "entity": "experiment", "salt": "s", "enabled": true, "defaultValue": [:],
                "rules": .array(rules), "idType": "userID", "version": 3, "isActive": true,
            ]
            for member in more { spec[member.name] = member.value }
            return .object(spec)
        }
        let rule: JSONValue = [
            "name": "a", "id": "a", "passPercentage": 100, "conditions": [], "returnValue": ["x": 1],
            "idType": "userID", "groupName": "Ga", "isExperimentGroup": true,
        ]
        let document: JSONValue = [
            "has_updates": true, "time": 1_700_000_000_000, "feature_gates": [:], "layer_configs": [:],
            "condition_map": [:], "experiment_to_layer": [:],
            "dynamic_configs": ["e": spec([rule]), "company": spec([rule], ["idType": "companyID"])],
        ]
        let read = (try? SpecDocument.read(document)).flatMap(\.self)
        let ruleset = read.flatMap { try? Ruleset(compiling: $0, receivedAt: 5) }
        return Evaluator(ruleset, from: .network, surroundings: Surroundings(now: { 9 }))
    }()

    @Test func `reads and writes what Statsig's SDKs store`() throws {
        let value = try #require(StickyValue(json: Self.stored))
        #expect(value.json == Self.stored)
        #expect(value.allocatedExperiment == "e")
        #expect(value.secondaryExposures == [SecondaryExposure(gate: "g", value: true, ruleID: "gr")])
        let assignments = StickyAssignments(json: ["e": Self.stored, "bad": 5])
        #expect(assignments.names == ["e"])
        #expect(assignments.json == ["e": Self.stored])
    }

    @Test func `takes missing members and null for nothing`() throws {
        let empty = try #require(StickyValue(json: [:]))
        #expect(!empty.passed && empty.value == nil && empty.ruleID.isEmpty && empty.time == nil)
        var nulls = try #require(Self.stored.objectValue)
        for name in nulls.names { nulls[name] = .null }
        #expect(StickyValue(json: .object(nulls)) == empty)
        #expect(empty.json["undelegated_secondary_exposures"] == [], "never null: the Python SDK would drop all")
    }

    @Test(
        arguments: [
            ("value", "true"), ("json_value", 5), ("rule_id", 1), ("time", -1), ("time", "x"), ("config_version", -1),
            ("config_version", 4_294_967_296), ("explicit_parameters", ["a", 1]),
            ("secondary_exposures", [["gate": "g"]]),
            ("secondary_exposures", 0), ("config_delegate", []),
        ] as [(String, JSONValue)]
    )
    func `refuses what no SDK writes`(name: String, value: JSONValue) throws {
        var members = try #require(Self.stored.objectValue)
        members[name] = value
        #expect(StickyValue(json: .object(members)) == nil)
    }

    @Test func `keeps texts apart by their bytes`() {
        var assignments = StickyAssignments()
        assignments["\u{E9}"] = StickyValue(json: ["rule_id": "one"])
        assignments["e\u{301}"] = StickyValue(json: ["rule_id": "two"])
        #expect(assignments["\u{E9}"]?.ruleID == "one")
        #expect(assignments.names.count == 2)
        assignments["\u{E9}"] = nil
        #expect(assignments.names == ["e\u{301}"])
    }

    @Test func `names keys by unit and type`() {
        let user = FloodgateUser(userID: "u", customIDs: ["companyID": 7, "teamid": "t"])
        #expect(Evaluator.stickyKey(for: user, idType: "userID") == "u:userID")
        #expect(Evaluator.stickyKey(for: user, idType: "UserID") == "u:UserID")
        #expect(Evaluator.stickyKey(for: user, idType: "companyID") == "7:companyID")
        #expect(Evaluator.stickyKey(for: user, idType: "teamID") == "t:teamID")
        #expect(Evaluator.stickyKey(for: user, idType: "stableID") == nil)
        #expect(Evaluator.stickyKey(for: FloodgateUser(userID: ""), idType: "userID") == ":userID")
    }

    @Test func `saves a group, gives it back, and forgets it`() {
        let user = FloodgateUser(userID: "u", customIDs: ["companyID": "c"])
        let (live, change) = Self.evaluator.experiment("e", for: user, sticky: StickyRequest(StickyAssignments()))
        guard case .save(let value, "e", "u:userID") = change else {
            Issue.record("\(change)")
            return
        }
        #expect(live.details.reason == .recognized(from: .network))
        #expect(value.json["json_value"] == ["x": 1] && value.time == 1_700_000_000_000 && value.version == 3)

        var assignments = StickyAssignments()
        assignments["e"] = StickyValue(json: Self.stored)
        let kept = Self.evaluator.experiment("e", for: user, sticky: StickyRequest(assignments))
        #expect(kept.change == .none)
        #expect(
            kept.evaluation.details == EvaluationDetails(reason: .persisted, time: 1_700_000_000_000, receivedAt: 9)
        )
        #expect(kept.evaluation.isExperimentActive && kept.evaluation.isUserInExperiment)

        let forgotten = Self.evaluator.experiment("company", for: user, sticky: StickyRequest(nil))
        #expect(forgotten.change == .delete(name: "company", key: "c:companyID"))
        let unknown = Self.evaluator.experiment("none", for: user, sticky: StickyRequest(nil))
        #expect(unknown.change == .none)
        let early = Evaluator(nil, from: .loading, surroundings: Surroundings(now: { 9 }))
        #expect(early.experiment("e", for: user, sticky: StickyRequest(assignments)).change == .none)
        #expect(early.layer("e", for: user, sticky: StickyRequest(nil)).change == .none)
    }

    @Test func `behind a config mapping what is kept is written but not read`() throws {
        let rule: JSONValue = [
            "name": "a", "id": "a", "passPercentage": 100, "conditions": [], "returnValue": ["x": 1],
            "idType": "userID", "groupName": "Ga", "isExperimentGroup": true,
        ]
        let spec: JSONValue = [
            "type": "dynamic_config", "entity": "experiment", "salt": "s", "enabled": true, "defaultValue": [:],
            "rules": [rule], "idType": "userID", "version": 3, "isActive": true,
        ]
        let document: JSONValue = [
            "has_updates": true, "time": 5, "feature_gates": [:], "layer_configs": [:], "condition_map": [:],
            "experiment_to_layer": [:], "dynamic_configs": ["asked": spec, "mapped": spec],
            "override_rules": ["all": rule],
            "overrides": ["asked": [["new_config_name": "mapped", "rules": [["rule_name": "all"]]]]],
        ]
        let ruleset = try Ruleset(reading: document, receivedAt: 5)
        let evaluator = Evaluator(ruleset, from: .network, surroundings: Surroundings(now: { 9 }))
        let kept = StickyAssignments(json: ["asked": Self.stored, "mapped": Self.stored])
        let user = FloodgateUser(userID: "u")
        let direct = evaluator.experiment("mapped", for: user, sticky: StickyRequest(kept))
        #expect(direct.evaluation.details.reason == .persisted)
        let (evaluation, change) = evaluator.experiment("asked", for: user, sticky: StickyRequest(kept))
        #expect(evaluation.details.reason == .recognized(from: .network))
        guard case .save(_, let name, let key) = change else { return #expect(Bool(false), "\(change)") }
        #expect(name == "mapped" && key == "u:userID")
    }
}
