// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

extension FloodgateClient {
    /// Logs that something happened to `user`; it is sent with the next batch.
    /// - Parameters:
    ///   - name: What happened, such as `purchase`.
    ///   - user: To whom; private attributes are not sent.
    ///   - value: A text or a number that belongs to the event, such as a price; anything else is sent as JSON text.
    ///   - metadata: Whatever else is worth knowing.
    public func logEvent(
        _ name: String,
        for user: FloodgateUser,
        value: JSONValue? = nil,
        metadata: [String: String] = [:]
    ) {
        let value: JSONValue? =
            switch value {
            case .string, .number, .null, nil: value
            case let value?: .string(value.text)
            }
        state.log(.custom(name: name, value: value, metadata: metadata), for: user, in: state.specs.view)
    }

    /// Tells the server of `user` and its attributes, without anything having happened.
    public func identify(_ user: FloodgateUser) { logEvent("statsig::identify", for: user) }

    /// Logs the exposure of a gate that was checked without one.
    public func logGateExposure(_ name: String, for user: FloodgateUser) {
        let view = state.specs.view
        state.expose(gate: name, view.evaluator.gate(name, for: user), for: user, in: view, isManual: true)
    }

    /// Logs the exposure of a dynamic config that was evaluated without one.
    public func logDynamicConfigExposure(_ name: String, for user: FloodgateUser) {
        let view = state.specs.view
        state.expose(config: name, view.evaluator.dynamicConfig(name, for: user), for: user, in: view, isManual: true)
    }

    /// Logs the exposure of an experiment that was evaluated without one.
    public func logExperimentExposure(_ name: String, for user: FloodgateUser) {
        let view = state.specs.view
        state.expose(config: name, view.evaluator.experiment(name, for: user), for: user, in: view, isManual: true)
    }

    /// Logs the exposure of a layer's parameter that was read without one; nothing if the layer has no such parameter.
    public func logLayerExposure(_ name: String, parameter: String, for user: FloodgateUser) {
        let view = state.specs.view
        let evaluation = view.evaluator.layer(name, for: user)
        guard evaluation.value?[parameter] != nil else { return }
        state.expose(layer: name, evaluation, parameter: parameter, for: user, in: view, isManual: true)
    }
}
