// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import Logging

extension ClientState {
    /// Evaluates an experiment; with a store, as the request says of what is kept.
    func experiment(
        _ name: String,
        for user: FloodgateUser,
        in view: SpecView,
        _ request: StickyRequest?
    ) -> ConfigEvaluation {
        guard isSticky, let store = settings.options.stickyStore else {
            return view.uncounted._withUnsafeGuaranteedRef { $0.experiment(name, for: user) }
        }
        let sticky = request ?? StickyRequest(nil)
        let (evaluation, change) = view.evaluator.experiment(name, for: user, sticky: sticky)
        apply(change, to: store)
        return evaluation
    }

    /// Evaluates a layer likewise.
    func layer(
        _ name: String,
        for user: FloodgateUser,
        in view: SpecView,
        _ request: StickyRequest?
    ) -> LayerEvaluation {
        guard isSticky, let store = settings.options.stickyStore else { return view.evaluator.layer(name, for: user) }
        let sticky = request ?? StickyRequest(nil)
        let (evaluation, change) = view.evaluator.layer(name, for: user, sticky: sticky)
        apply(change, to: store)
        return evaluation
    }

    /// What the store keeps under `key`; nothing if it fails.
    func assignments(under key: String) -> StickyAssignments {
        guard let store = settings.options.stickyStore else { return StickyAssignments() }
        do {
            return try store.load(key) ?? StickyAssignments()
        } catch {
            report(error, "load")
            return StickyAssignments()
        }
    }

    private func apply(_ change: StickyChange, to store: any StickyStore) {
        do {
            switch change {
            case .none: break
            case .save(let value, let name, let key): try store.save(value, for: name, under: key)
            case .delete(let name, let key): try store.delete(name, under: key)
            }
        } catch {
            report(error, change.isDelete ? "delete" : "save")
        }
    }

    private func report(_ error: any Error, _ operation: String) {
        settings.options.logger.info(
            "The store of sticky assignments failed",
            metadata: ["floodgate.operation": "\(operation)", "error": "\(error)"]
        )
    }
}

extension StickyChange {
    fileprivate var isDelete: Bool {
        if case .delete = self { true } else { false }
    }
}
