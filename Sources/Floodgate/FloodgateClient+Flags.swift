// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation

// What FloodgateOpenFeature needs of the client besides its interface: a key may be of any kind, so that evaluations come
// first and the exposure of the one that was meant comes after.

/// One look at a client's specs: its evaluations and their exposures see the same.
package struct ClientView: Sendable {
    private let state: ClientState
    private let view: SpecView

    init(_ state: ClientState) {
        self.state = state
        view = state.view
    }

    /// The specs, and what surrounds them.
    package var evaluator: Evaluator { view.evaluator }

    /// The experiment; what the application's store keeps for the user's unit is heeded.
    package func experiment(_ name: String, for user: FloodgateUser) -> ConfigEvaluation {
        let live = view.evaluator.experiment(name, for: user)
        guard let request = keptAssignments(for: user, idType: live.idType) else { return live }
        return state.experiment(name, for: user, in: view, request)
    }

    /// The layer, likewise.
    package func layer(_ name: String, for user: FloodgateUser) -> LayerEvaluation {
        let live = view.evaluator.layer(name, for: user)
        guard let request = keptAssignments(for: user, idType: live.idType) else { return live }
        return state.layer(name, for: user, in: view, request)
    }

    /// Logs that the user was served the gate's answer.
    package func expose(gate name: String, _ evaluation: GateEvaluation, for user: FloodgateUser) {
        state.expose(gate: name, evaluation, for: user, in: view)
    }

    /// Logs that the user was served the config's or experiment's answer.
    package func expose(config name: String, _ evaluation: ConfigEvaluation, for user: FloodgateUser) {
        state.expose(config: name, evaluation, for: user, in: view)
    }

    /// Logs that the user was served a parameter of the layer's answer.
    package func expose(layer name: String, _ evaluation: LayerEvaluation, parameter: String, for user: FloodgateUser) {
        state.expose(layer: name, evaluation, parameter: parameter, for: user, in: view)
    }

    private func keptAssignments(for user: FloodgateUser, idType: String) -> StickyRequest? {
        guard state.isSticky, let key = Evaluator.stickyKey(for: user, idType: idType) else { return nil }
        return StickyRequest(state.assignments(under: key))
    }
}

extension FloodgateClient {
    /// What checks see now.
    package var view: ClientView { ClientView(state) }

    /// Whether there is anybody to ask for newer specs.
    package var asksForSpecs: Bool {
        let options = state.settings.options
        return !options.disableNetwork || options.dataStore != nil || options.file != nil
    }
}
