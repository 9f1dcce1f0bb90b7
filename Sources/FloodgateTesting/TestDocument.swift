// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// A small document of gates, dynamic configs, experiments and layers, for tests that want real rules behind their answers.
///
/// ```swift
/// var document = TestDocument()
/// document.gates["free_returns"] = .on
/// document.gates["winter_sale"] = .from(unixMilliseconds: 1_764_547_200_000)
/// document.dynamicConfigs["catalog_page"] = ["page_size": 20]
/// document.experiments["checkout_copy"] = .init(
///     groups: ["Control": ["title": "Buy"], "Treatment": ["title": "Pay now"]],
///     assigned: ["u-1": "Treatment"]
/// )
/// let flags = FloodgateFixture(document)
/// ```
public struct TestDocument: Sendable, Hashable {
    /// When a gate is open, and for whom.
    @nonexhaustive public enum Gate: Sendable, Hashable {
        /// Open for everyone.
        case on
        /// Open for nobody.
        case off
        /// Open for these user IDs.
        case forUsers([String])
        /// Open for everyone after this moment, in Unix milliseconds.
        case from(unixMilliseconds: Int64)
        /// Open for everyone before this moment, in Unix milliseconds.
        case until(unixMilliseconds: Int64)
    }

    /// An experiment's groups and who is in them.
    public struct Experiment: Sendable, Hashable {
        /// The parameters of each group, by the group's name.
        public var groups: [String: JSONObject]
        /// The group of each user, by user ID; groups that are not in `groups` are passed over.
        public var assigned: [String: String]
        /// What those get who are in no group.
        public var defaults: JSONObject

        /// Makes an experiment that runs.
        public init(groups: [String: JSONObject], assigned: [String: String] = [:], defaults: JSONObject = [:]) {
            self.groups = groups
            self.assigned = assigned
            self.defaults = defaults
        }
    }

    /// Gates by name.
    public var gates: [String: Gate] = [:]
    /// The parameters of dynamic configs, by the config's name.
    public var dynamicConfigs: [String: JSONObject] = [:]
    /// Experiments by name; one that has the name of a dynamic config takes its place.
    public var experiments: [String: Experiment] = [:]
    /// The parameters of layers, by the layer's name.
    public var layers: [String: JSONObject] = [:]

    /// Makes an empty document.
    public init() {}

    /// The config-specs document (v2), last changed at `time` in Unix milliseconds, such as for `Options.bootstrap`.
    public func bytes(time: Int64) -> [UInt8] {
        var conditions = JSONObject()
        var configs = JSONObject(
            dynamicConfigs.sorted(by: order).map { ($0.key, Self.spec("dynamic_config", .object($0.value))) }
        )
        for (name, experiment) in experiments.sorted(by: order) {
            let rules = rules(of: experiment, named: name, &conditions)
            configs[name] = Self.spec("experiment", .object(experiment.defaults), rules, isActive: true)
        }
        let gates = gates.sorted(by: order).map { name, gate in
            (name, Self.spec("feature_gate", false, rules(of: gate, named: name, &conditions)))
        }
        let layers = layers.sorted(by: order).map { ($0.key, Self.spec("layer", .object($0.value))) }
        let document: JSONObject = [
            "has_updates": true, "time": .integer(time), "response_format": "dcs-v2",
            "feature_gates": .object(JSONObject(gates)), "dynamic_configs": .object(configs),
            "layer_configs": .object(JSONObject(layers)), "condition_map": .object(conditions),
            "experiment_to_layer": [:],
        ]
        return JSONValue.object(document).bytes
    }

    /// By name, so that equal documents have equal bytes.
    private func order<Value>(_ left: (key: String, value: Value), _ right: (key: String, value: Value)) -> Bool {
        left.key < right.key
    }

    private func rules(of gate: Gate, named name: String, _ conditions: inout JSONObject) -> [JSONValue] {
        let condition: JSONObject
        switch gate {
        case .off: return []
        case .on: condition = Self.condition("public")
        case .forUsers(let ids):
            condition = Self.condition("user_field", "any", field: "userID", .array(ids.map(JSONValue.string)))
        case .from(let time): condition = Self.condition("current_time", "after", .integer(time))
        case .until(let time): condition = Self.condition("current_time", "before", .integer(time))
        }
        conditions["gate:" + name] = .object(condition)
        return [Self.rule(name + ":on", if: "gate:" + name, true)]
    }

    private func rules(
        of experiment: Experiment,
        named name: String,
        _ conditions: inout JSONObject
    ) -> [JSONValue] {
        experiment.groups.sorted(by: order).map { group, parameters in
            let ids = experiment.assigned.filter { $0.value == group }.keys.sorted()
            let key = "experiment:" + name + ":" + group
            conditions[key] = .object(
                Self.condition("user_field", "any", field: "userID", .array(ids.map(JSONValue.string)))
            )
            return Self.rule(name + ":" + group, if: key, .object(parameters), group: group)
        }
    }

    private static func condition(
        _ type: String,
        _ check: String? = nil,
        field: String? = nil,
        _ target: JSONValue = .null
    ) -> JSONObject {
        [
            "type": .string(type), "operator": .text(check), "field": .text(field), "targetValue": target,
            "idType": "userID",
        ]
    }

    private static func rule(_ id: String, if condition: String, _ value: JSONValue, group: String? = nil) -> JSONValue
    {
        var rule: JSONObject = [
            "name": .string(id), "id": .string(id), "salt": .string(id), "passPercentage": 100, "returnValue": value,
            "idType": "userID", "conditions": [.string(condition)],
        ]
        if let group {
            rule["groupName"] = .string(group)
            rule["isExperimentGroup"] = true
        }
        return .object(rule)
    }

    private static func spec(
        _ entity: String,
        _ value: JSONValue,
        _ rules: [JSONValue] = [],
        isActive: Bool = false
    ) -> JSONValue {
        var spec: JSONObject = [
            "type": entity == "feature_gate" ? "feature_gate" : "dynamic_config", "entity": .string(entity),
            "enabled": true, "salt": "fixture", "idType": "userID", "defaultValue": value, "rules": .array(rules),
        ]
        if isActive { spec["isActive"] = true }
        return .object(spec)
    }
}
