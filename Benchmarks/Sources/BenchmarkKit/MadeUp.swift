// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Users and documents in the shape of the kit's: of five specs four are gates (open, two half, targeted), one is an
/// experiment of three groups.
package enum MadeUp {
    private static let countries: [JSONValue] = ["US", "CA", "GB", "DE", "FR", "ES", "IT", "JP"]
    private static let others: [JSONValue] = ["BR", "IN", "MX", "KR", "AU", "SE", "PL", "NG"]

    /// The user of a number, as JSON.
    package static func user(_ index: Int) -> JSONValue {
        let mixed = (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        return [
            "id": .string("user-\(padded(index, 6))-\(String(mixed >> 32, radix: 16))"),
            "country": (countries + others)[Int(mixed >> 20 & 15)],
            "appVersion": .string("\(mixed >> 8 % 5 + 1).\(mixed >> 12 % 10).\(mixed >> 16 % 20)"),
            "email": .string("user\(index)@example.com"),
            "plan": ["free", "pro", "team"][index % 3],
            "age": .integer(18 + index % 60),
        ]
    }

    /// A document of so many specs.
    package static func document(specs: Int) -> [UInt8] {
        let experiments = specs / 5
        var conditions: JSONObject = [
            "c_public": condition(type: "public"),
            "c_country": condition(
                type: "user_field",
                operator: "any",
                target: .array(countries),
                field: "country"
            ),
            "c_version": condition(type: "user_field", operator: "version_gte", target: "3.2.0", field: "appVersion"),
        ]
        var (gates, configs) = ([(String, JSONValue)](), [(String, JSONValue)]())
        for index in 0..<(specs - experiments) {
            let name = "g\(padded(index, 5))"
            let kind = index % 4
            let rule = rule(
                "r_" + name,
                passes: kind == 0 ? 100 : kind == 3 ? 20 : 50,
                conditions: kind == 3 ? ["c_country", "c_version"] : ["c_public"],
                value: true
            )
            gates.append((name, spec(name, entity: "feature_gate", default: false, rules: [rule])))
        }
        var conditionMembers = conditions.map { ($0.name, $0.value) }
        for index in 0..<experiments {
            let name = "e\(padded(index, 5))"
            var rules: [JSONValue] = []
            for (group, limit) in [333, 666, 1_000].enumerated() {
                let id = "c_\(name)_\(group)"
                conditionMembers.append(
                    (
                        id,
                        condition(
                            type: "user_bucket",
                            operator: "lt",
                            target: .integer(limit),
                            more: ["salt": .string("salt-" + name)]
                        )
                    )
                )
                var groupRule =
                    rule("\(name)_\(group)", passes: 100, conditions: [.string(id)], value: payload(group))
                    .objectValue ?? JSONObject()
                groupRule["groupName"] = ["control", "test_a", "test_b"][group]
                groupRule["isExperimentGroup"] = true
                rules.append(.object(groupRule))
            }
            var config = spec(name, entity: "experiment", default: [:], rules: rules).objectValue ?? JSONObject()
            config["isActive"] = true
            config["hasSharedParams"] = false
            config["explicitParameters"] = []
            configs.append((name, .object(config)))
        }
        conditions = JSONObject(conditionMembers)
        let document: JSONValue = [
            "has_updates": true, "time": 1_767_981_029_384, "company_id": "bench", "id_lists": [:], "diagnostics": [:],
            "sdk_configs": ["event_queue_size": 2_000, "sampling_mode": "none"], "app_id": "bench",
            "feature_gates": .object(JSONObject(gates)), "dynamic_configs": .object(JSONObject(configs)),
            "layer_configs": [:], "experiment_to_layer": [:], "condition_map": .object(conditions),
            "response_format": "dcs-v2", "param_stores": [:],
        ]
        return document.bytes
    }

    private static func condition(
        type: JSONValue,
        operator: JSONValue = .null,
        target: JSONValue = .null,
        field: JSONValue = .null,
        more: JSONValue = [:]
    ) -> JSONValue {
        [
            "type": type, "targetValue": target, "operator": `operator`, "field": field, "additionalValues": more,
            "idType": "userID",
        ]
    }

    private static func rule(_ name: String, passes: Int, conditions: [JSONValue], value: JSONValue) -> JSONValue {
        [
            "name": .string(name), "passPercentage": .integer(passes), "conditions": .array(conditions),
            "returnValue": value, "id": .string(name), "salt": .string(name), "idType": "userID",
        ]
    }

    private static func spec(_ name: String, entity: String, default: JSONValue, rules: [JSONValue]) -> JSONValue {
        [
            "type": entity == "feature_gate" ? "feature_gate" : "dynamic_config", "salt": .string("salt-" + name),
            "enabled": true, "defaultValue": `default`, "rules": .array(rules), "idType": "userID",
            "entity": .string(entity), "version": 1,
        ]
    }

    private static func payload(_ group: Int) -> JSONValue {
        [
            ["color": "red", "size": 10, "rounded": true, "copy": "Buy now"],
            ["color": "green", "size": 12, "rounded": false, "copy": "Add to basket"],
            ["color": "blue", "size": 14, "rounded": true, "copy": "Continue"],
        ][group]
    }
}

/// `number` with leading zeros.
package func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
