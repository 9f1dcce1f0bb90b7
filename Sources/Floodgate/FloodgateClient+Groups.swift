// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

// What the document says of an experiment, whoever asks: nothing is evaluated, and no exposure is logged.
extension FloodgateClient {
    /// The groups of the experiment, running or not; nil for an unknown name and for what is no experiment.
    public func experimentGroups(_ name: String) -> ExperimentGroups? {
        state.specs.view.evaluator.groups(ofExperiment: name)
    }

    /// What the experiment gives to the group with this name; its parameters are empty for an unknown one.
    public func experiment(_ name: String, group: String) -> Experiment {
        Experiment(name, state.specs.view.evaluator.experiment(name, group: group))
    }
}
