// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

extension FloodgateClient {
    /// Whether the gate is open for `user`; false for an unknown gate, and before there are specs.
    public func checkGate(_ name: String, for user: FloodgateUser, options: CheckOptions = CheckOptions()) -> Bool {
        let view = state.view
        guard !view.tellsOfEvaluations else { return gate(name, for: user, options: options).value }
        guard state.logsEvents, !options.disableExposureLogging else {
            if options.disableExposureLogging { countNonExposed(name) }
            return view.uncounted._withUnsafeGuaranteedRef { $0.checkGate(name, for: user) }
        }
        guard let ready = view.uncounted._withUnsafeGuaranteedRef({ $0.readyGate(name, for: user) }) else {
            let evaluation = view.evaluator.gate(name, for: user)
            state.expose(gate: name, evaluation, for: user, in: view)
            return evaluation.value
        }
        // The view, which is used after it, keeps the answer.
        return withExtendedLifetime(view) {
            ready._withUnsafeGuaranteedRef { answer in
                state.expose(gate: name, ready: answer, for: user, in: view)
                return answer.passed
            }
        }
    }

    /// Evaluates the gate for `user`, with the rule and reason behind the answer.
    public func gate(_ name: String, for user: FloodgateUser, options: CheckOptions = CheckOptions()) -> FeatureGate {
        let view = state.view
        let evaluation = view.evaluator.gate(name, for: user)
        if options.disableExposureLogging {
            countNonExposed(name)
        } else {
            state.expose(gate: name, evaluation, for: user, in: view)
        }
        let gate = FeatureGate(name, evaluation)
        if view.tellsOfEvaluations { state.hub.emit(.gateEvaluated(gate)) }
        return gate
    }

    /// Evaluates the dynamic config for `user`; its parameters are empty for an unknown one.
    public func dynamicConfig(
        _ name: String,
        for user: FloodgateUser,
        options: CheckOptions = CheckOptions()
    ) -> DynamicConfig {
        let view = state.view
        let evaluation = view.evaluator.dynamicConfig(name, for: user)
        expose(config: name, evaluation, for: user, in: view, options)
        let config = DynamicConfig(name, evaluation)
        if view.tellsOfEvaluations { state.hub.emit(.dynamicConfigEvaluated(config)) }
        return config
    }

    /// Evaluates the experiment for `user`; its parameters are empty for an unknown one.
    public func experiment(
        _ name: String,
        for user: FloodgateUser,
        options: CheckOptions = CheckOptions()
    ) -> Experiment {
        let view = state.view
        let evaluation = state.experiment(name, for: user, in: view, options.sticky)
        expose(config: name, evaluation, for: user, in: view, options)
        let experiment = Experiment(name, evaluation)
        if view.tellsOfEvaluations { state.hub.emit(.experimentEvaluated(experiment)) }
        return experiment
    }

    /// Evaluates the layer for `user`; an exposure is logged for each parameter that is then read.
    public func layer(_ name: String, for user: FloodgateUser, options: CheckOptions = CheckOptions()) -> Layer {
        let view = state.view
        let evaluation = state.layer(name, for: user, in: view, options.sticky)
        let isSilent = options.disableExposureLogging
        if isSilent { countNonExposed(name) }
        if view.tellsOfEvaluations { state.hub.emit(.layerEvaluated(name, evaluation)) }
        let state = state
        return Layer(name, evaluation) { parameter in
            if !isSilent { state.expose(layer: name, evaluation, parameter: parameter, for: user, in: view) }
        }
    }

    /// The values that a web or mobile SDK starts with, as Statsig's `initialize` route answers; logs nothing.
    public func clientInitializeResponse(
        for user: FloodgateUser,
        options: ClientResponseOptions = ClientResponseOptions()
    ) -> JSONObject {
        state.specs.view.evaluator.clientInitializeResponse(for: user, options: options)
    }

    /// The values that a web or mobile SDK starts with, as JSON text in UTF-8, which is several times faster to make.
    public func clientInitializeBytes(
        for user: FloodgateUser,
        options: ClientResponseOptions = ClientResponseOptions()
    ) -> [UInt8] {
        state.specs.view.evaluator.clientInitializeBytes(for: user, options: options)
    }

    /// The names of all gates.
    public var gateNames: [String] { state.specs.view.evaluator.ruleset?.gateNames ?? [] }
    /// The names of all dynamic configs.
    public var dynamicConfigNames: [String] { state.specs.view.evaluator.ruleset?.dynamicConfigNames ?? [] }
    /// The names of all experiments.
    public var experimentNames: [String] { state.specs.view.evaluator.ruleset?.experimentNames ?? [] }
    /// The names of all layers.
    public var layerNames: [String] { state.specs.view.evaluator.ruleset?.layerNames ?? [] }
    /// The names of all autotunes.
    public var autotuneNames: [String] { state.specs.view.evaluator.ruleset?.autotuneNames ?? [] }

    private func expose(
        config name: String,
        _ evaluation: ConfigEvaluation,
        for user: FloodgateUser,
        in view: SpecView,
        _ options: CheckOptions
    ) {
        guard !options.disableExposureLogging else { return countNonExposed(name) }
        state.expose(config: name, evaluation, for: user, in: view)
    }

    func countNonExposed(_ name: String) {
        if state.logsEvents { state.queue.countNonExposed(name) }
    }
}
