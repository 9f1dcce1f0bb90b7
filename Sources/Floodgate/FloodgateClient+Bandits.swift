// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

extension FloodgateClient {
    /// The groups of the contextual bandit, the best for `user` first; empty for an unknown or resting one.
    ///
    /// Logs no exposure: the program says which group it served with `logBanditExposure`.
    public func rankedGroups(ofBandit name: String, for user: FloodgateUser) -> [RankedGroup] {
        countNonExposed(name)
        return state.specs.view.evaluator.rankedGroups(ofBandit: name, for: user)
    }

    /// Logs that `user` was served this group of the contextual bandit.
    public func logBanditExposure(_ name: String, group: RankedGroup, for user: FloodgateUser) {
        let view = state.specs.view
        let evaluation = view.evaluator.experiment(name, for: user)
        state.expose(config: name, evaluation, ruleID: group.ruleID, for: user, in: view, isManual: true)
    }
}
