// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON

extension EvaluationCase {
    /// Reads local overrides, which take effect in their order: `[kind, name, value, unit ID or null]`.
    static func overrides(_ json: JSONValue?) throws -> LocalOverrides? {
        switch json {
        case nil, .null: return nil
        case .array(let entries):
            var overrides = LocalOverrides()
            for (index, entry) in entries.enumerated() {
                guard apply(entry.arrayValue ?? [], to: &overrides) else {
                    throw Fault(
                        description: "/overrides/\(index): Write [kind, name, value, unit ID or null], the kind being "
                            + "gate, dynamic_config, experiment, experiment_group, layer, parameter_store or remove"
                    )
                }
            }
            return overrides
        default: throw Fault(description: "/overrides: Write a list of overrides")
        }
    }

    private static func apply(_ entry: [JSONValue], to overrides: inout LocalOverrides) -> Bool {
        guard entry.count == 4, let kind = entry[0].stringValue, let name = entry[1].stringValue else { return false }
        let id = entry[3].stringValue
        switch (kind, entry[2]) {
        case ("gate", .bool(let value)): overrides.gates.set(name, for: id, to: value)
        case ("dynamic_config", .object(let value)): overrides.dynamicConfigs.set(name, for: id, to: value)
        case ("experiment", .object(let value)): overrides.experiments.set(name, for: id, to: .value(value))
        case ("experiment_group", .string(let group)): overrides.experiments.set(name, for: id, to: .group(group))
        case ("layer", .object(let value)): overrides.layers.set(name, for: id, to: value)
        case ("parameter_store", .object(let value)): overrides.parameterStores.set(name, for: id, to: value)
        case ("remove", .string("gate")): overrides.gates.remove(name, for: id)
        case ("remove", .string("dynamic_config")): overrides.dynamicConfigs.remove(name, for: id)
        case ("remove", .string("experiment")): overrides.experiments.remove(name, for: id)
        case ("remove", .string("layer")): overrides.layers.remove(name, for: id)
        case ("remove", .string("parameter_store")): overrides.parameterStores.remove(name, for: id)
        default: return false
        }
        return true
    }
}
