// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// One gate, segment, holdout, dynamic config, experiment, autotune or layer as it stands in a config-specs document.
public struct Spec: Sendable, Hashable {
    /// What SDKs ask for.
    public var name: String
    /// `feature_gate` or `dynamic_config`; evaluation ignores it.
    public var type: String
    /// `feature_gate`, `segment`, `holdout`, `dynamic_config`, `experiment`, `autotune` or `layer`.
    public var entity: String
    /// First part of what a pass percentage hashes.
    public var salt: String
    /// Names the default rule `default` or `disabled`; Statsig's Rust core runs the rules either way.
    public var isEnabled: Bool
    /// The value when no rule passes, or when the deciding rule's percentage does not let the unit through.
    public var defaultValue: JSONValue
    /// Tried in order; the first whose conditions all pass decides.
    public var rules: [Rule]
    /// The kind of unit, such as `userID`.
    public var idType: String
    /// Parameters that an experiment owns in its layer.
    public var explicitParameters: [String]?
    /// Whether an experiment lives in a layer.
    public var hasSharedParams: Bool?
    /// Whether an experiment is running.
    public var isActive: Bool?
    /// Rises with each change; reported in exposures.
    public var version: UInt32?
    /// Apps that see the entity in client-initialize responses.
    public var targetAppIDs: [String]?
    /// Exempts exposures from sampling.
    public var forwardAllExposures: Bool?
    /// Merges a layer's parameters rule by rule.
    public var useNewLayerEval: Bool?
    /// Members that Floodgate does not read, kept as they came.
    public var others: JSONObject

    /// Makes a spec; what is left out is absent in the document.
    public init(
        name: String,
        type: String,
        entity: String,
        salt: String,
        isEnabled: Bool = true,
        defaultValue: JSONValue,
        rules: [Rule],
        idType: String = "userID",
        version: UInt32? = nil
    ) {
        self.name = name
        self.type = type
        self.entity = entity
        self.salt = salt
        self.isEnabled = isEnabled
        self.defaultValue = defaultValue
        self.rules = rules
        self.idType = idType
        self.version = version
        self.others = JSONObject()
    }
}

/// One branch of a spec: whom it applies to, which share of them, and what they get.
public struct Rule: Sendable, Hashable {
    /// Reported as the rule id; stands in for a missing salt.
    public var id: String
    /// For people.
    public var name: String
    /// Second part of what the pass percentage hashes; nil means the id.
    public var salt: String?
    /// The share of units let through, usually 0…100; below 0 nobody, above 100 everybody.
    public var passPercentage: JSONNumber
    /// All must pass; an empty list passes.
    public var conditions: [ConditionReference]
    /// The value when the rule passes.
    public var returnValue: JSONValue
    /// The kind of unit that the percentage hashes.
    public var idType: String
    /// The experiment's arm.
    public var groupName: String?
    /// The experiment to evaluate instead.
    public var configDelegate: String?
    /// Whether the units count as being in the experiment.
    public var isExperimentGroup: Bool?
    /// Keeps one exposure in so many.
    public var samplingRate: UInt64?
    /// Members that Floodgate does not read, kept as they came.
    public var others: JSONObject

    /// Makes a rule; what is left out is absent in the document.
    public init(
        id: String,
        name: String,
        salt: String? = nil,
        passPercentage: JSONNumber,
        conditions: [ConditionReference],
        returnValue: JSONValue,
        idType: String = "userID"
    ) {
        self.id = id
        self.name = name
        self.salt = salt
        self.passPercentage = passPercentage
        self.conditions = conditions
        self.returnValue = returnValue
        self.idType = idType
        self.others = JSONObject()
    }
}

/// A rule's condition: by its id in the document's table (v2), or written out in place (v1 and stored entities).
public enum ConditionReference: Sendable, Hashable {
    /// The key of an entry of `condition_map`.
    case id(String)
    /// The condition itself.
    case inline(Condition)
}

/// One test in a rule.
public struct Condition: Sendable, Hashable {
    /// Where the left value comes from, such as `user_field`.
    public var type: String
    /// The kind of unit that `unit_id` and `user_bucket` look at.
    public var idType: String
    /// How the values are compared, such as `any`; nil for `public` and nested gates.
    public var `operator`: String?
    /// The right value.
    public var targetValue: JSONValue?
    /// The user's attribute, or the environment's key.
    public var field: String?
    /// Further texts, such as the salt of `user_bucket`.
    public var additionalValues: JSONObject?
    /// Members that Floodgate does not read, kept as they came.
    public var others: JSONObject

    /// Makes a condition; what is left out is absent in the document.
    public init(
        type: String,
        idType: String = "userID",
        operator: String? = nil,
        targetValue: JSONValue? = nil,
        field: String? = nil,
        additionalValues: JSONObject? = nil
    ) {
        self.type = type
        self.idType = idType
        self.operator = `operator`
        self.targetValue = targetValue
        self.field = field
        self.additionalValues = additionalValues
        self.others = JSONObject()
    }
}
