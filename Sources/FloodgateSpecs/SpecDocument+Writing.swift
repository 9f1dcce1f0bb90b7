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
