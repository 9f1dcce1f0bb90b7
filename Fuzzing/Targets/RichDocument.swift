// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

/// A document in which every condition type and operator occurs, with several targets each.
enum RichDocument {
    static let document: SpecDocument = {
        do { return try SpecDocument.read(json) ?? SpecDocument(time: 1) } catch {
            preconditionFailure("the document is our own: \(error)")
        }
    }()

    static let json: JSONValue = {
        var conditions = JSONObject()
        var gates = JSONObject()
        func add(_ condition: JSONValue) {
            let id = "c\(conditions.count)"
            conditions[id] = condition
            gates["g\(gates.count)"] = spec("feature_gate", rules: [rule([id], returns: true)])
        }
        for name in operators {
            for target in targets[name] ?? lists { add(condition("user_field", name, target, field: field(for: name))) }
        }
        for field in ["os_name", "os_version", "browser_name", "browser_version"] {
            add(condition("ua_based", "any", ["Windows", "10", "Chrome"], field: field))
            add(condition("ua_based", "version_gte", "10.1", field: field))
        }
        for field in ["ip", "email", "userID", "user_id", "appVersion", "userAgent", "locale", "country", "", "Tags"] {
            add(condition("user_field", "any", ["", "7", "user", "ch"], field: field))
            add(condition("user_field", "str_contains_any", ["a", ""], field: field))
        }
        add(condition("ip_based", "any", ["US", "CH", "AU"], field: "country"))
        add(condition("environment_field", "any", ["production"], field: "tier"))
        add(condition("current_time", "after", 1_700_000_000_000))
        add(condition("unit_id", "in_segment_list", "list"))
        add(condition("unit_id", "not_in_segment_list", "company_id_list", idType: "companyID"))
        add(condition("user_bucket", "lt", 500, salt: "s"))
        add(condition("user_bucket", "gte", 500, salt: "s", idType: "companyID"))
        add(condition("target_app", "any", ["app"]))
        add(condition("experiment_group", "any", ["Test"], field: "experiment"))
        add(condition("pass_gate", nil, "g0"))
        add(condition("fail_gate", nil, "segment:s"))
        add(condition("nobody knows it", "any", []))
        gates["segment:s"] = spec("segment", rules: [rule(["c3", "c9"], returns: true)])
        return document(gates, conditions)
    }()

    private static func document(_ gates: JSONObject, _ conditions: JSONObject) -> JSONValue {
        let group = rule(["c0"], returns: ["a": 1], percentage: 50, group: "Test")
        let delegating = rule([], returns: ["a": 2], delegate: "experiment")
        return [
            "has_updates": true, "time": 1_750_000_000_000, "feature_gates": .object(gates),
            "dynamic_configs": [
                "config": spec("dynamic_config", rules: [rule(["c1"], returns: ["b": "text"], percentage: 12.5)]),
                "experiment": spec("experiment", rules: [group, rule([], returns: ["a": 3], group: "Control")]),
                "autotune": spec("autotune", rules: [rule([], returns: [:])]),
            ],
            "layer_configs": [
                "layer": spec("layer", rules: [delegating]),
                "merging": spec("layer", rules: [group, delegating], isMerging: true),
            ],
            "condition_map": .object(conditions), "experiment_to_layer": ["experiment": "layer"],
            "app_id": "app", "company_id": "c", "sdk_flags": ["flag": true], "default_environment": "production",
            "hashed_sdk_keys_to_app_ids": ["1": "app"],
            "param_stores": [
                "store": [
                    "parameters": [
                        "p": ["ref_type": "static", "param_type": "string", "value": "v"],
                        "q": [
                            "ref_type": "gate", "param_type": "number", "gate_name": "g0", "pass_value": 1,
                            "fail_value": 2,
                        ],
                    ]
                ]
            ],
            "override_rules": ["or": rule(["c2"], returns: true)],
            "overrides": [
                "config": [["new_config_name": "experiment", "rules": [["rule_name": "or", "start_time": 1]]]]
            ],
            "session_replay_info": [
                "sampling_rate": 0.5, "targeting_gate": "g0", "recording_blocked": false,
                "session_recording_event_triggers": ["e": ["values": ["v"], "sampling_rate": 0.25]],
            ],
            "cmab_configs": [
                "bandit": [
                    "salt": "s", "idType": "userID", "enabled": true, "defaultValue": [:], "version": 1,
                    "sampleRate": 0.2,
                    "higherIsBetter": true, "targetingGateName": "g0",
                    "groups": [
                        ["name": "A", "id": "a", "parameterValues": [:]],
                        ["name": "B", "id": "b", "parameterValues": 1],
                    ],
                    "config": [
                        "a": [
                            "alpha": 1, "intercept": 0.1, "records": 10, "weightsNumerical": ["level": 0.5],
                            "weightsCategorical": ["plan": ["pro": 1]],
                        ]
                    ],
                ]
            ],
        ]
    }

    // MARK: Parts

    static func spec(_ entity: String, rules: [JSONValue], isMerging: Bool = false) -> JSONValue {
        [
            "type": entity == "segment" || entity == "feature_gate" ? "feature_gate" : "dynamic_config",
            "entity": .string(entity), "salt": "salt", "enabled": true, "isActive": true, "idType": "userID",
            "version": 1, "defaultValue": entity == "feature_gate" ? false : ["a": 0], "rules": .array(rules),
            "useNewLayerEval": .bool(isMerging),
        ]
    }

    static func rule(
        _ conditions: [String],
        returns value: JSONValue,
        percentage: Double = 100,
        group: String? = nil,
        delegate: String? = nil
    ) -> JSONValue {
        var rule: JSONObject = [
            "name": "r", "id": "r", "salt": "rs", "passPercentage": .double(percentage),
            "conditions": .array(conditions.map(JSONValue.string)), "returnValue": value, "idType": "userID",
            "isExperimentGroup": .bool(group != nil),
        ]
        rule.set("groupName", group.map(JSONValue.string))
        rule.set("configDelegate", delegate.map(JSONValue.string))
        return .object(rule)
    }

    static func condition(
        _ type: String,
        _ operation: String?,
        _ target: JSONValue,
        field: String? = nil,
        salt: String? = nil,
        idType: String = "userID"
    ) -> JSONValue {
        [
            "type": .string(type), "operator": .text(operation), "targetValue": target, "field": .text(field),
            "additionalValues": salt.map { ["salt": .string($0)] } ?? [:], "idType": .string(idType),
        ]
    }

    static let operators = [
        "gt", "gte", "lt", "lte", "version_gt", "version_gte", "version_lt", "version_lte", "version_eq", "version_neq",
        "any", "none", "any_case_sensitive", "none_case_sensitive", "str_starts_with_any", "str_ends_with_any",
        "str_contains_any", "str_contains_none", "str_matches", "before", "after", "on", "eq", "neq", "in_segment_list",
        "not_in_segment_list", "array_contains_any", "array_contains_none", "array_contains_all",
        "not_array_contains_all",
    ]

    private static let lists: [JSONValue] = [["a", "B", "Pro", 7, true], []]

    private static let targets: [String: [JSONValue]] = {
        var targets: [String: [JSONValue]] = [:]
        for name in ["gt", "gte", "lt", "lte"] { targets[name] = [5, .double(0.5), "7"] }
        for name in operators where name.utf8.starts(with: "version".utf8) { targets[name] = ["1.10.2", "x"] }
        for name in ["before", "after", "on"] { targets[name] = ["2023-11-14T22:13:20Z", 1_700_000_000] }
        for name in ["eq", "neq"] { targets[name] = [.null, true, 7, "Pro", ["a", "b", 1], ["b": 1]] }
        for name in ["in_segment_list", "not_in_segment_list"] { targets[name] = ["list", "nobody knows it"] }
        targets["str_matches"] = ["^(a|b)+$", "(?i)pro|(.)\\1", "(?<=p)r(?=o)", "["]
        return targets
    }()

    private static func field(for name: String) -> String {
        if name.utf8.starts(with: "version".utf8) { return "appVersion" }
        if name.utf8.starts(with: "array".utf8) { return "tags" }
        switch name {
        case "gt", "gte", "lt", "lte": return "level"
        case "before", "after", "on": return "since"
        case "eq", "neq": return "a"
        case "in_segment_list", "not_in_segment_list": return "userID"
        default: return "plan"
        }
    }
}
