// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

/// Parameters whose values come from gates, configs, experiments and layers, so that the program need not know which.
///
/// Reading one makes the check behind it, with its exposure.
public struct ParameterStore: Sendable, Parameters {
    /// The name that was asked for.
    public let name: String
    /// The parameters' names.
    public let names: [String]

    private let forms: JSONObject
    private let resolve: @Sendable (JSONValue) -> JSONValue?

    init(_ name: String, forms: JSONObject, resolve: @escaping @Sendable (JSONValue) -> JSONValue?) {
        self.name = name
        self.names = forms.names
        self.forms = forms
        self.resolve = resolve
    }

    /// Reads one parameter; see `Parameters`.
    public func value<Value>(of name: String, _ read: (JSONValue) -> Value?) -> Value? {
        forms[name].flatMap(resolve).flatMap(read)
    }
}

extension FloodgateClient {
    /// The parameter store with this name, for `user`; without parameters if it is unknown.
    public func parameterStore(
        _ name: String,
        for user: FloodgateUser,
        options: CheckOptions = CheckOptions()
    ) -> ParameterStore {
        let view = state.specs.view
        if let values = view.evaluator.surroundings.overrides?.parameterStores.value(name, for: user) {
            return ParameterStore(name, forms: values) { $0 }
        }
        let forms = view.parameterStores[name]?["parameters"]?.objectValue ?? JSONObject()
        return ParameterStore(name, forms: forms) { form in
            // The form is found by the members that are there, in this order.
            if let value = form["value"] { return value }
            if let gate = form["gate_name"]?.stringValue, let pass = form["pass_value"], let fail = form["fail_value"] {
                return self.checkGate(gate, for: user, options: options) ? pass : fail
            }
            guard let parameter = form["param_name"]?.stringValue else { return nil }
            if let config = form["config_name"]?.stringValue {
                return self.dynamicConfig(config, for: user, options: options).value[parameter]
            }
            if let experiment = form["experiment_name"]?.stringValue {
                return self.experiment(experiment, for: user, options: options).value[parameter]
            }
            if let layer = form["layer_name"]?.stringValue {
                return self.layer(layer, for: user, options: options).value(of: parameter) { $0 }
            }
            return nil
        }
    }
}
