// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
package import Synchronization

/// What a spec answers by one of its rules, ready to be handed out.
///
/// Made once with the ruleset for each way in which a rule can end, so that a result is one reference; made for one
/// evaluation only where several specs had a say. Lives as long as somebody holds a result, unlike the ruleset.
package final class Answer: Sendable {
    let spec: SpecFacts
    /// The rule that decided, `default`, `disabled`, `override`, or empty.
    package let ruleID: String
    let groupName: String?
    /// The parameters; without any where there are none.
    let parameters: JSONObject
    /// Whether the specs have an object to give.
    private let hasValue: Bool
    package let passed: Bool
    let isExperimentActive: Bool
    let isUserInExperiment: Bool
    /// How it came about; no part of what is answered.
    let origin: AnswerOrigin
    let samplingRate: UInt64?
    /// Room for whoever logs exposures to keep what tells this answer from others; 0 until then.
    package let exposureHash = Atomic<UInt64>(0)

    init(
        _ spec: SpecFacts,
        ruleID: String,
        groupName: String? = nil,
        value: JSONObject? = nil,
        passed: Bool = false,
        isExperimentActive: Bool = false,
        isUserInExperiment: Bool = false,
        origin: AnswerOrigin = .several,
        samplingRate: UInt64? = nil
    ) {
        self.spec = spec
        self.ruleID = ruleID
        self.groupName = groupName
        parameters = value ?? JSONObject()
        hasValue = value != nil
        self.passed = passed
        self.isExperimentActive = isExperimentActive
        self.isUserInExperiment = isUserInExperiment
        self.origin = origin
        self.samplingRate = samplingRate
    }

    var value: JSONObject? { hasValue ? parameters : nil }

    /// What is answered where there are no specs, or none of that name.
    static let unknown = Answer(.unknown, ruleID: "")
}

/// What all answers of a spec have in common.
final class SpecFacts: Sendable {
    let idType: String
    let version: UInt32?
    let forwardsAll: Bool
    let explicitParameters: [String]?

    init(idType: String, version: UInt32?, forwardsAll: Bool, explicitParameters: [String]?) {
        self.idType = idType
        self.version = version
        self.forwardsAll = forwardsAll
        self.explicitParameters = explicitParameters
    }

    static let unknown = SpecFacts(idType: "", version: nil, forwardsAll: false, explicitParameters: nil)
}

/// What few results have besides.
final class AnswerExtras: Sendable {
    let allocatedExperiment: String?
    let parameterRuleIDs: JSONObject?
    let undelegated: [SecondaryExposure]?
    let mappedTo: String?

    init(
        allocatedExperiment: String?,
        parameterRuleIDs: JSONObject?,
        undelegated: [SecondaryExposure]?,
        mappedTo: String?
    ) {
        self.allocatedExperiment = allocatedExperiment
        self.parameterRuleIDs = parameterRuleIDs
        self.undelegated = undelegated
        self.mappedTo = mappedTo
    }
}

extension Answer: Hashable {
    package static func == (left: Answer, right: Answer) -> Bool {
        left === right
            || left.spec == right.spec && left.ruleID == right.ruleID && left.groupName == right.groupName
                && left.value == right.value && left.passed == right.passed
                && left.isExperimentActive == right.isExperimentActive
                && left.isUserInExperiment == right.isUserInExperiment && left.samplingRate == right.samplingRate
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(ruleID)
        hasher.combine(passed)
        hasher.combine(value)
    }
}

extension SpecFacts: Equatable {
    static func == (left: SpecFacts, right: SpecFacts) -> Bool {
        left === right
            || left.idType == right.idType && left.version == right.version && left.forwardsAll == right.forwardsAll
                && left.explicitParameters == right.explicitParameters
    }
}

extension AnswerExtras: Hashable {
    static func == (left: AnswerExtras, right: AnswerExtras) -> Bool {
        left.allocatedExperiment == right.allocatedExperiment && left.parameterRuleIDs == right.parameterRuleIDs
            && left.undelegated == right.undelegated && left.mappedTo == right.mappedTo
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(allocatedExperiment)
        hasher.combine(mappedTo)
    }
}
