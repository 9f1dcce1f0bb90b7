// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Where a parameter store takes one of its parameters from.
package enum ParameterSource: Sendable, Hashable {
    /// The store itself.
    case value(JSONValue)
    /// A gate: one value where it is open, another where it is not.
    case gate(String, pass: JSONValue, fail: JSONValue)
    /// A parameter of a dynamic config.
    case dynamicConfig(String, parameter: String)
    /// A parameter of an experiment.
    case experiment(String, parameter: String)
    /// A parameter of a layer.
    case layer(String, parameter: String)

    /// Finds the form by the members that are there, in this order; nil if none is complete.
    package init?(json: JSONValue) {
        if let value = json["value"] {
            self = .value(value)
        } else if let gate = json["gate_name"]?.stringValue, let pass = json["pass_value"],
            let fail = json["fail_value"]
        {
            self = .gate(gate, pass: pass, fail: fail)
        } else if let parameter = json["param_name"]?.stringValue {
            if let config = json["config_name"]?.stringValue {
                self = .dynamicConfig(config, parameter: parameter)
            } else if let experiment = json["experiment_name"]?.stringValue {
                self = .experiment(experiment, parameter: parameter)
            } else if let layer = json["layer_name"]?.stringValue {
                self = .layer(layer, parameter: parameter)
            } else {
                return nil
            }
        } else {
            return nil
        }
    }
}

extension Evaluator {
    /// The parameter store's parameters for `user`, with their values; nil for an unknown store.
    package func parameterStore(_ name: String, for user: FloodgateUser) -> JSONObject? {
        if let values = surroundings.overrides?.parameterStores.value(name, for: user) { return values }
        guard let store = ruleset?.parameterStores[name] else { return nil }
        var values = JSONObject()
        for member in store["parameters"]?.objectValue ?? JSONObject() {
            guard let source = ParameterSource(json: member.value) else { continue }
            values.set(member.name, value(of: source, for: user))
        }
        return values
    }

    private func value(of source: ParameterSource, for user: FloodgateUser) -> JSONValue? {
        switch source {
        case .value(let value): value
        case .gate(let name, let pass, let fail): checkGate(name, for: user) ? pass : fail
        case .dynamicConfig(let name, let parameter): dynamicConfig(name, for: user).value?[parameter]
        case .experiment(let name, let parameter): experiment(name, for: user).value?[parameter]
        case .layer(let name, let parameter): layer(name, for: user).value?[parameter]
        }
    }
}
