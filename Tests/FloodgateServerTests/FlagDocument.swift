// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs

/// A project whose names and values ask for care: of one name twice, with dots, of every type, for apps.
enum FlagDocument {
    static func make() -> JSONValue {
        [
            "has_updates": true, "time": 1_900_000_000_000,
            "hashed_sdk_keys_to_app_ids": [:], "sdk_keys_to_app_ids": [:],
            "feature_gates": [
                spec("checkout", "feature_gate", false, [rule("everyone", true)]),
                spec("odd", "feature_gate", false, [rule("odd", true, condition("no_such"))]),
                spec("browser", "feature_gate", false, [rule("firefox", true, firefox)]),
                spec("segment:staff", "segment", false, []),
            ],
            "dynamic_configs": [
                spec("checkout", "dynamic_config", ["title": "Buy"], []),
                spec("a", "dynamic_config", ["b.c": "of a", "b": "of a"], []),
                spec("a.b", "dynamic_config", ["c": "of a.b"], []),
                spec(
                    "types",
                    "dynamic_config",
                    [
                        "bool": true, "text": "t", "integer": 2, "double": 2.5, "whole": 2.0, "list": [1],
                        "object": ["x": 1], "nothing": .null,
                    ],
                    []
                ),
            ],
            "layer_configs": [spec("a", "layer", ["other": 1], [])],
            "cmab_configs": [
                "bandit": [
                    "salt": "b", "idType": "userID", "defaultValue": [:], "enabled": true, "version": 1,
                    "sampleRate": 0, "higherIsBetter": true, "config": [:],
                    "groups": [["name": "A", "id": "a", "parameterValues": ["colour": "red"]]],
                ]
            ],
        ]
    }

    private static let firefox: JSONValue = [
        "type": "ua_based", "idType": "userID", "field": "browser_name", "operator": "any", "targetValue": ["Firefox"],
    ]

    private static func condition(_ operation: String) -> JSONValue {
        ["type": "user_field", "idType": "userID", "field": "x", "operator": .string(operation), "targetValue": 1]
    }

    private static func rule(
        _ name: String,
        _ value: JSONValue,
        _ condition: JSONValue = ["type": "public", "idType": "userID"]
    ) -> JSONValue {
        [
            "name": .string(name), "id": .string(name), "salt": "r", "passPercentage": 100, "returnValue": value,
            "idType": "userID", "conditions": [condition],
        ]
    }

    private static func spec(_ name: String, _ entity: String, _ value: JSONValue, _ rules: [JSONValue]) -> JSONValue {
        [
            "name": .string(name), "entity": .string(entity), "salt": "s", "idType": "userID", "enabled": true,
            "type": entity == "feature_gate" || entity == "segment" ? "feature_gate" : "dynamic_config",
            "defaultValue": value, "rules": .array(rules), "version": 4,
        ]
    }
}

extension TestServer {
    /// Serves `document` in production, whatever the control plane would say of it.
    func serve(_ document: JSONValue) throws {
        guard let document = try SpecDocument.read(document) else { return }
        server.board.post(try PreparedSnapshot(document, environment: "production", receivedAt: clock.now))
    }
}
