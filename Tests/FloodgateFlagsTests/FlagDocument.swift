// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateFlags

/// A document whose specs come out in every way that a flag can tell of.
enum FlagDocument {
    static let evaluator = makeEvaluator()

    static func makeEvaluator(overrides: LocalOverrides? = nil) -> Evaluator {
        var surroundings = Surroundings(now: { 0 })
        surroundings.overrides = overrides
        let ruleset = try? Ruleset(reading: document.bytes, receivedAt: 0)
        return Evaluator(ruleset, from: .network, surroundings: surroundings)
    }

    private static let document: JSONValue = [
        "has_updates": true, "time": 1_750_000_000_000, "response_format": "dcs-v2", "condition_map": conditions,
        "feature_gates": gates, "dynamic_configs": configs, "layer_configs": layers,
        "experiment_to_layer": ["experiment": "layer"],
    ]

    private static let conditions: JSONValue = [
        "everyone": [
            "type": "public", "operator": .null, "field": .null, "targetValue": .null, "idType": "userID",
        ],
        "ann": condition("user_field", "any", ["ann"], field: "userID"),
        "open": ["type": "pass_gate", "operator": .null, "targetValue": "open", "idType": "userID"],
        "lower": condition("user_bucket", "lt", 500), "upper": condition("user_bucket", "gte", 500),
        "odd": condition("user_field", "no_such", 1, field: "x"),
    ]

    private static let gates: JSONValue = [
        "open": spec("feature_gate", false, [rule("r-open", "everyone", true)]),
        "half": spec("feature_gate", false, [rule("r-half", "everyone", true, percentage: 50)]),
        "none": spec("feature_gate", false, [rule("r-none", "everyone", true, percentage: 0)]),
        "forAnn": spec("feature_gate", false, [rule("r-ann", "ann", true), rule("r-rest", "everyone", true)]),
        "nested": spec("feature_gate", false, [rule("r-nested", "open", true)]),
        "empty": spec("feature_gate", false, []),
        "off": spec("feature_gate", false, [], ["enabled": false]),
        "odd": spec("feature_gate", false, [rule("r-odd", "odd", true)]),
    ]

    private static let configs: JSONValue = [
        "config": spec(
            "dynamic_config",
            [:],
            [
                rule(
                    "r-config",
                    "everyone",
                    ["text": "hello", "count": 2, "ratio": 0.5, "flag": true, "map": ["a": 1], "a.b": "dotted"]
                )
            ]
        ),
        "config.inner": spec("dynamic_config", ["text": "inner"], []),
        // A gate and a config of one name.
        "open": spec("dynamic_config", ["is": "config"], []),
        "experiment": spec(
            "experiment",
            ["copy": "none"],
            [
                rule("g-short", "lower", ["copy": "short"], group: "Short"),
                rule("g-long", "upper", ["copy": "long"], group: "Long"),
            ],
            ["isActive": true, "explicitParameters": ["copy"]]
        ),
    ]

    private static let layers: JSONValue = [
        "layer": spec(
            "layer",
            ["copy": "none", "rows": 4],
            [rule("r-layer", "everyone", ["copy": "none", "rows": 4], ["configDelegate": "experiment"])]
        ),
        "still": spec("layer", ["rows": 5], []),
    ]

    private static func condition(
        _ type: String,
        _ check: String,
        _ target: JSONValue,
        field: String? = nil
    ) -> JSONValue {
        [
            "type": .string(type), "operator": .string(check), "field": .text(field), "targetValue": target,
            "idType": "userID", "additionalValues": ["salt": "bucket"],
        ]
    }

    private static func rule(
        _ id: String,
        _ condition: String,
        _ value: JSONValue,
        percentage: Int = 100,
        group: String? = nil,
        _ more: JSONObject = [:]
    ) -> JSONValue {
        var object: JSONObject = [
            "name": .string(id), "id": .string(id), "salt": .string(id), "passPercentage": .integer(percentage),
            "returnValue": value, "idType": "userID", "conditions": [.string(condition)],
        ]
        if let group {
            object["groupName"] = .string(group)
            object["isExperimentGroup"] = true
        }
        for member in more { object[member.name] = member.value }
        return .object(object)
    }

    private static func spec(
        _ entity: String,
        _ value: JSONValue,
        _ rules: [JSONValue],
        _ more: JSONObject = [:]
    ) -> JSONValue {
        var object: JSONObject = [
            "type": entity == "feature_gate" ? "feature_gate" : "dynamic_config", "entity": .string(entity),
            "enabled": true, "salt": "salt", "idType": "userID", "defaultValue": value, "version": 3,
            "rules": .array(rules),
        ]
        for member in more { object[member.name] = member.value }
        return .object(object)
    }
}
