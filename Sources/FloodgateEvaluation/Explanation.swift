// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// Why a user gets what: an answer together with everything that was looked at on the way to it.
///
/// `text` is for people, `json` for programs. Both hold what is known of the user, private attributes included.
public struct Explanation: Sendable, Hashable {
    /// The name spaces of a document, by the check that asks them; the raw values are those of the JSON form.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Feature gates, segments and holdouts.
        case gate
        /// Dynamic configs, and whatever else is asked as one.
        case dynamicConfig = "dynamic_config"
        /// Experiments, autotunes and contextual bandits.
        case experiment
        /// Layers.
        case layer
        /// Parameter stores.
        case parameterStore = "parameter_store"
    }

    /// What the check of that kind answers.
    @nonexhaustive public enum Answer: Sendable, Hashable {
        /// A gate's answer.
        case gate(GateEvaluation)
        /// A dynamic config's answer.
        case dynamicConfig(ConfigEvaluation)
        /// An experiment's answer.
        case experiment(ConfigEvaluation)
        /// A layer's answer.
        case layer(LayerEvaluation)
        /// A parameter store's parameters; nil if there is no such store.
        case parameterStore([Parameter]?)
    }

    /// One parameter of a parameter store.
    public struct Parameter: Sendable, Hashable {
        /// The parameter's name.
        public var name: String
        /// The gate, config, experiment or layer that it comes from; nil if the store has the value itself.
        public var source: Source?
        /// The value; nil if there is none, so that the caller's default is served.
        public var value: JSONValue?
        /// How the source came to its answer.
        public var trace: Evaluation?

        /// Where a parameter comes from.
        public struct Source: Sendable, Hashable {
            /// Which check is made.
            public var kind: Kind
            /// What is asked.
            public var name: String
            /// The parameter that is read; nil of a gate.
            public var parameter: String?
        }
    }

    /// What was asked for.
    public var name: String
    /// As what it was asked for.
    public var kind: Kind
    /// As what the document knows the name; empty if it does not.
    public var knownAs: [Kind]
    /// Who was evaluated.
    public var user: FloodgateUser
    /// The environment that the evaluation saw: the user's, else the client's, else the document's default.
    public var environment: JSONObject?
    /// When the evaluation took place, in Unix milliseconds.
    public var time: Int64
    /// The answer, the same that the check without an explanation gives.
    public var answer: Answer
    /// How it came about; nil for a parameter store, and where there are no specs.
    public var trace: Evaluation?

    /// Why, and on which specs; nil for a parameter store.
    public var details: EvaluationDetails? {
        switch answer {
        case .gate(let gate): gate.details
        case .dynamicConfig(let config), .experiment(let config): config.details
        case .layer(let layer): layer.details
        case .parameterStore: nil
        }
    }
}
