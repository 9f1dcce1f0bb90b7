// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// An exposure as the SDK queues it: only what the evaluation knows, to be written out when the batch is sent.
package struct ExposureRecord: Sendable, Hashable {
    /// What was evaluated.
    package enum Subject: Sendable, Hashable {
        case gate(String, value: Bool)
        case config(String, rulePassed: Bool)
        case layer(String, parameter: String, allocatedExperiment: String?, isExplicit: Bool)
    }

    /// A gate that was asked on the way.
    package struct Secondary: Sendable, Hashable {
        package var gate: String
        package var value: Bool
        package var ruleID: String

        package init(gate: String, value: Bool, ruleID: String) {
            self.gate = gate
            self.value = value
            self.ruleID = ruleID
        }
    }

    /// What became of sampling, where the document asks for it.
    package struct Sampling: Sendable, Hashable {
        /// One in so many is kept; nil if no rate applied.
        package var rate: UInt64?
        /// `on` or `shadow`; nil if sampling is not active.
        package var mode: String?
        /// In shadow mode, what sampling would have done.
        package var wasLogged: Bool?

        package init(rate: UInt64? = nil, mode: String? = nil, wasLogged: Bool? = nil) {
            self.rate = rate
            self.mode = mode
            self.wasLogged = wasLogged
        }
    }

    package var subject: Subject
    package var ruleID: String
    /// Why, as `EvaluationReason.wireName` spells it.
    package var reason: String
    /// When the document last changed, in Unix milliseconds.
    package var lastConfigUpdate: UInt64?
    /// When the document was received, in Unix milliseconds.
    package var receivedAt: Int64?
    package var configVersion: UInt32?
    /// The spec that answered in place of the one that was asked for.
    package var overrideConfigName: String?
    package var isManual: Bool
    package var sampling: Sampling?
    package var secondaryExposures: [Secondary]

    package init(
        _ subject: Subject,
        ruleID: String,
        reason: String,
        lastConfigUpdate: UInt64? = nil,
        receivedAt: Int64? = nil,
        configVersion: UInt32? = nil,
        overrideConfigName: String? = nil,
        isManual: Bool = false,
        sampling: Sampling? = nil,
        secondaryExposures: [Secondary] = []
    ) {
        self.subject = subject
        self.ruleID = ruleID
        self.reason = reason
        self.lastConfigUpdate = lastConfigUpdate
        self.receivedAt = receivedAt
        self.configVersion = configVersion
        self.overrideConfigName = overrideConfigName
        self.isManual = isManual
        self.sampling = sampling
        self.secondaryExposures = secondaryExposures
    }
}
