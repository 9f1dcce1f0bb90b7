// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs
import Testing

/// Chains of delegations at their limit, and what shows of a delegate; all as Statsig's Rust core was seen to do it.
@Suite("Delegation") struct DelegationTests {
    private let user = FloodgateUser(userID: "u")

    private func rule(_ id: String, to delegate: String? = nil, conditions: [JSONValue] = []) -> JSONValue {
        var object: JSONObject = [
            "name": "", "id": .string(id), "passPercentage": 100, "conditions": .array(conditions), "returnValue": [:],
            "idType": "userID",
        ]
        if let delegate { object["configDelegate"] = .string(delegate) }
        return .object(object)
    }

    private func spec(_ entity: String, _ rules: [JSONValue], isMerging: Bool = false) -> JSONValue {
        [
            "type": entity == "feature_gate" ? "feature_gate" : "dynamic_config", "entity": .string(entity),
            "salt": "s", "enabled": true, "defaultValue": [:], "rules": .array(rules), "idType": "userID",
            "useNewLayerEval": .bool(isMerging),
        ]
    }

    private func evaluator(
        gates: JSONObject = [:],
        configs: JSONObject,
        layers: JSONObject = [:],
        extra: JSONObject = [:],
        _ overrides: LocalOverrides? = nil
    ) throws -> Evaluator {
        var json: JSONObject = [
            "has_updates": true, "time": 5, "condition_map": [:], "feature_gates": .object(gates),
            "dynamic_configs": .object(configs), "layer_configs": .object(layers), "experiment_to_layer": [:],
        ]
        for member in extra { json[member.name] = member.value }
        let document = try #require(try SpecDocument.read(.object(json)))
        var surroundings = Surroundings(now: { 0 })
        surroundings.overrides = overrides
        return Evaluator(try Ruleset(compiling: document, receivedAt: 0), from: .network, surroundings: surroundings)
    }

    @Test func `an overridden delegate shows even where a later rule is unsupported`() throws {
        let rules = [rule("r1", to: "experiment"), rule("r2", conditions: ["unknown"])]
        var overrides = LocalOverrides()
        for isOverridden in [false, true] {
            if isOverridden { overrides.experiments.set("experiment", for: nil, to: .value(["a": 1])) }
            let evaluator = try evaluator(
                configs: ["experiment": spec("experiment", [])],
                layers: ["layer": spec("layer", rules, isMerging: true)],
                overrides
            )
            let layer = evaluator.layer("layer", for: user)
            #expect(layer.details.reason == (isOverridden ? .localOverride : .unsupported(from: .network)))
            #expect(layer.allocatedExperiment == "experiment")
        }
    }

    @Test(arguments: [0, 299, 300]) func `a bandit asks its gate where a delegation is left for it`(length: Int) throws
    {
        var configs: JSONObject = [:]
        for number in 0..<length {
            configs["d\(number)"] = spec("experiment", [rule("r", to: "d\(number + 1)")])
        }
        configs["d\(length)"] = spec("autotune", [])
        let bandit: JSONValue = [
            "salt": "x", "idType": "userID", "defaultValue": ["z": 1], "enabled": true, "version": 9, "sampleRate": 0,
            "higherIsBetter": true, "groups": [["name": "G", "id": "group", "parameterValues": ["a": 1]]],
            "targetingGateName": "gate",
        ]
        var open = rule("open").objectValue ?? [:]
        open["returnValue"] = true
        let evaluator = try evaluator(
            gates: ["gate": spec("feature_gate", [.object(open)])],
            configs: configs,
            extra: ["cmab_configs": .object(["d\(length)": bandit])]
        )
        let found = evaluator.experiment("d0", for: user)
        #expect(found.ruleID == (length < 300 ? "group:explore" : "inlineTargetingRules"))
        #expect(found.secondaryExposures.map(\.gate) == (length < 300 ? ["gate"] : []))
    }

    @Test func `what a bandit's gate asked counts as undelegated where a mapping was tried`() throws {
        let bandit: JSONValue = [
            "salt": "x", "idType": "userID", "defaultValue": [:], "enabled": true, "version": 9, "sampleRate": 0,
            "higherIsBetter": true, "groups": [["name": "G", "id": "group", "parameterValues": [:]]],
            "targetingGateName": "gate",
        ]
        var mapping = rule("mapping").objectValue ?? [:]
        mapping["passPercentage"] = 0
        var open = rule("open", conditions: ["nested"]).objectValue ?? [:]
        open["returnValue"] = true
        let evaluator = try evaluator(
            gates: ["gate": spec("feature_gate", [.object(open)]), "inner": spec("feature_gate", [])],
            configs: ["bandit": spec("autotune", [])],
            layers: ["layer": spec("layer", [rule("r", to: "bandit")])],
            extra: [
                "cmab_configs": ["bandit": bandit],
                "condition_map": ["nested": ["type": "fail_gate", "idType": "userID", "targetValue": "inner"]],
                "override_rules": ["mapping": .object(mapping)],
                "overrides": ["gate": [["new_config_name": "other", "rules": [["rule_name": "mapping"]]]]],
            ]
        )
        let layer = evaluator.layer("layer", for: user)
        #expect(layer.ruleID == "group:explore")
        #expect(layer.secondaryExposures.map(\.gate) == ["inner", "gate"])
        #expect(layer.undelegatedSecondaryExposures.map(\.gate) == ["inner"])
    }
}
