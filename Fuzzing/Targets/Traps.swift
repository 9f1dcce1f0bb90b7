// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Documents and texts made to exhaust a reader or an evaluator: circles, chains, towers and doublings.
package enum Traps {
    /// Two gates that need themselves and each other.
    package static let gatesInACircle = document(
        gates: ["a": gate(["ask b"]), "b": gate(["ask a", "ask b"])],
        asking: ["a", "b"]
    )
    /// `g0` asks `g1` and so on up to `g99`, which asks for one that is not there.
    package static let chain = document(gates: chain(100, asking: 1), asking: (0...100).map { "g\($0)" })
    /// `g0` asks `g1` twice and so on, so that exposures double 40 times.
    package static let doublings = document(gates: chain(40, asking: 2), asking: (0...40).map { "g\($0)" })
    /// Two experiments that delegate to each other, and a layer that delegates to one.
    package static let delegationsInACircle = document(
        configs: ["a": delegate(to: "b"), "b": delegate(to: "a")],
        layers: ["l": delegate(to: "a")]
    )
    /// An experiment whose conditions ask twice for its own group.
    package static let groupsInACircle = document(
        gates: ["g": gate(["group"])],
        configs: [
            "e": RichDocument.spec("experiment", rules: [RichDocument.rule(["group", "group"], returns: [:])])
        ],
        conditions: ["group": RichDocument.condition("experiment_group", "any", ["A"], field: "e")]
    )
    /// Config mappings that lead back to themselves.
    package static let mappingsInACircle = document(
        configs: ["a": RichDocument.spec("dynamic_config", rules: [])],
        others: [
            "override_rules": ["r": RichDocument.rule([], returns: true)],
            "overrides": ["a": [mapping(to: "b")], "b": [mapping(to: "a"), mapping(to: "b")]],
        ]
    )

    static let documents: [JSONValue] = [
        gatesInACircle, chain, doublings, delegationsInACircle, groupsInACircle, mappingsInACircle,
        document(gates: ["a": gate(["ask a"])], asking: ["a"]),
        document(configs: JSONObject((0..<400).map { ("d\($0)", delegate(to: "d\($0 + 1)")) })),
    ]

    static let texts: [[UInt8]] = [
        Array(String(repeating: "[", count: 4000).utf8),
        Array((String(repeating: "[", count: 128) + String(repeating: "]", count: 128)).utf8),
        Array((String(repeating: "[", count: 129) + String(repeating: "]", count: 129)).utf8),
        Array((String(repeating: "{\"a\":", count: 128) + "1" + String(repeating: "}", count: 128)).utf8),
        Array("\"\\ud800\\udc00\\ud800\"".utf8), Array("1e400".utf8), Array("[-0,1e-400,18446744073709551616]".utf8),
    ]

    private static func document(
        gates: JSONObject = [:],
        configs: JSONObject = [:],
        layers: JSONObject = [:],
        conditions: JSONObject = [:],
        asking names: [String] = [],
        others: JSONObject = [:]
    ) -> JSONValue {
        var conditions = conditions
        for name in names { conditions["ask \(name)"] = RichDocument.condition("pass_gate", nil, .string(name)) }
        var object: JSONObject = [
            "has_updates": true, "time": 1, "feature_gates": .object(gates), "dynamic_configs": .object(configs),
            "layer_configs": .object(layers), "condition_map": .object(conditions), "experiment_to_layer": [:],
        ]
        for member in others { object[member.name] = member.value }
        return .object(object)
    }

    private static func gate(_ conditions: [String]) -> JSONValue {
        RichDocument.spec("feature_gate", rules: [RichDocument.rule(conditions, returns: true)])
    }

    private static func delegate(to name: String) -> JSONValue {
        RichDocument.spec("experiment", rules: [RichDocument.rule([], returns: [:], delegate: name)])
    }

    private static func mapping(to name: String) -> JSONValue {
        ["new_config_name": .string(name), "rules": [["rule_name": "r"]]]
    }

    private static func chain(_ count: Int, asking times: Int) -> JSONObject {
        JSONObject(
            (0..<count).map { ("g\($0)", gate(Array(repeating: "ask g\($0 + 1)", count: times))) }
        )
    }
}
