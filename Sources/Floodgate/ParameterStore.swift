// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

/// Parameters whose values come from gates, configs, experiments and layers, so that the program need not know which.
///
/// Reading one makes the check behind it, with its exposure. Sticky assignments are neither asked nor changed.
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
            ParameterSource(json: form).flatMap { self.value(of: $0, for: user, options) }
        }
    }

    /// The names of all parameter stores.
    public var parameterStoreNames: [String] { state.specs.view.parameterStores.names }

    private func value(of source: ParameterSource, for user: FloodgateUser, _ options: CheckOptions) -> JSONValue? {
        switch source {
        case .value(let value): return value
        case .gate(let name, let pass, let fail): return checkGate(name, for: user, options: options) ? pass : fail
        case .dynamicConfig(let name, let parameter):
            return dynamicConfig(name, for: user, options: options).value[parameter]
        case .experiment(let name, let parameter):
            let view = state.specs.view
            let evaluation = view.evaluator.experiment(name, for: user)
            if view.tellsOfEvaluations { state.hub.emit(.experimentEvaluated(Experiment(name, evaluation))) }
            if options.disableExposureLogging {
                countNonExposed(name)
            } else {
                state.expose(config: name, evaluation, for: user, in: view)
            }
            return evaluation.value?[parameter]
        case .layer(let name, let parameter):
            let view = state.specs.view
            let evaluation = view.evaluator.layer(name, for: user)
            if view.tellsOfEvaluations { state.hub.emit(.layerEvaluated(name, evaluation)) }
            if options.disableExposureLogging { countNonExposed(name) }
            guard let value = evaluation.value?[parameter] else { return nil }
            if !options.disableExposureLogging {
                state.expose(layer: name, evaluation, parameter: parameter, for: user, in: view)
            }
            return value
        }
    }
}
