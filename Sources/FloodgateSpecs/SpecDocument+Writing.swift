// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

extension SpecDocument {
    /// The document in `shape`.
    public func json(_ shape: Shape) -> JSONValue {
        switch shape {
        case .v1: .object(v1)
        case .v2: .object(v2)
        }
    }

    /// The document's bytes in `shape`.
    public func bytes(_ shape: Shape) -> [UInt8] { json(shape).bytes }

    /// The v1 shape's bytes with nothing left that the table of conditions alone knows.
    ///
    /// Conditions are written out in the rules of config mappings too: for our own reading, since to Statsig's Rust core
    /// they must be ids.
    package var selfContainedBytes: [UInt8] {
        var object = v1
        // Kept members of a v2 document may have names that say something else in v1.
        for name in ["condition_map", "layers"] { _ = object.remove(name) }
        guard case .object(var rules)? = object["override_rules"] else { return JSONValue.object(object).bytes }
        for member in rules {
            guard case .object(var rule) = member.value, let ids = rule["conditions"]?.arrayValue else { continue }
            rule["conditions"] = .array(ids.map { id in id.stringValue.flatMap { conditions[$0]?.json } ?? id })
            rules[member.name] = .object(rule)
        }
        object["override_rules"] = .object(rules)
        return JSONValue.object(object).bytes
    }

    private var v2: JSONObject {
        var table = conditions
        func specs(_ list: [Spec]) -> JSONValue {
            var object = JSONObject()
            for spec in list {
                object[spec.name] = .object(
                    spec.object(named: false) { reference in
                        switch reference {
                        case .id: reference.json
                        case .inline(let condition): .string(table.intern(condition))
                        }
                    }
                )
            }
            return .object(object)
        }
        var object = head
        object["feature_gates"] = specs(gates)
        object["dynamic_configs"] = specs(dynamicConfigs)
        object["layer_configs"] = specs(layers)
        var conditionMap = JSONObject()
        for id in table.ids { conditionMap[id] = table[id]?.json }
        object["condition_map"] = .object(conditionMap)
        var layerNames = JSONObject()
        for (experiment, layer) in experimentToLayer.sorted(by: { $0.key < $1.key }) {
            layerNames[experiment] = .string(layer)
        }
        object["experiment_to_layer"] = .object(layerNames)
        for member in others { object[member.name] = member.value }
        if object["response_format"] != nil { object["response_format"] = "dcs-v2" }
        return object
    }

    private var v1: JSONObject {
        func specs(_ list: [Spec]) -> JSONValue {
            .array(list.map { .object(selfContained($0).object(named: true) { $0.json }) })
        }
        var object = head
        object["feature_gates"] = specs(gates)
        object["dynamic_configs"] = specs(dynamicConfigs)
        object["layer_configs"] = specs(layers)
        var layerNames = JSONObject()
        for (experiment, layer) in experimentToLayer.sorted(by: { $0.key < $1.key }) {
            layerNames[layer] = .array((layerNames[layer]?.arrayValue ?? []) + [.string(experiment)])
        }
        object["layers"] = .object(layerNames)
        for member in others where member.name != "response_format" { object[member.name] = member.value }
        return object
    }

    private var head: JSONObject {
        var object = JSONObject()
        object["has_updates"] = true
        object["time"] = .number(time <= UInt64(Int64.max) ? .integer(Int64(time)) : .unsigned(time))
        object.set("checksum", checksum.map(JSONValue.string))
        return object
    }
}
