// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// What one unit once got from an experiment or a layer, kept so that it goes on getting it.
///
/// As JSON it is what Statsig's SDKs keep in their persistent storage, so that both can share one.
public struct StickyValue: Sendable, Hashable {
    /// Whether a rule passed.
    public var passed: Bool
    /// The parameters; nil where the specs had no object to give.
    public var value: JSONObject?
    /// The rule that decided.
    public var ruleID: String
    /// The group that the unit was in.
    public var groupName: String?
    /// Gates that were asked on the way.
    public var secondaryExposures: [SecondaryExposure]
    /// Those asked before the unit was allocated to an experiment.
    public var undelegatedSecondaryExposures: [SecondaryExposure]
    /// The experiment that answered on behalf of the layer, or of the experiment that was asked.
    public var allocatedExperiment: String?
    /// Parameters that the experiment owns in its layer.
    public var explicitParameters: [String]?
    /// When the document behind the value had last changed, in Unix milliseconds.
    public var time: UInt64?
    /// The version of the experiment or layer.
    public var version: UInt32?

    /// Reads a value as Statsig's SDKs store it; nil if a member has a type that none of them writes.
    public init?(json: JSONValue) {
        guard case .object(let members) = json,
            let passed = members.optional("value", \.boolValue),
            let value = members.optional("json_value", \.objectValue),
            let ruleID = members.optional("rule_id", \.stringValue),
            let groupName = members.optional("group_name", \.stringValue),
            let exposures = members.optional("secondary_exposures", [SecondaryExposure].init(json:)),
            let undelegated = members.optional("undelegated_secondary_exposures", [SecondaryExposure].init(json:)),
            let delegate = members.optional("config_delegate", \.stringValue),
            let explicit = members.optional("explicit_parameters", { $0.texts }),
            let time = members.optional("time", { $0.integerValue.flatMap { UInt64(exactly: $0) } }),
            let version = members.optional("config_version", { $0.integerValue.flatMap { UInt32(exactly: $0) } })
        else { return nil }
        self.passed = passed ?? false
        self.value = value
        self.ruleID = ruleID ?? ""
        self.groupName = groupName
        self.secondaryExposures = exposures ?? []
        self.undelegatedSecondaryExposures = undelegated ?? []
        self.allocatedExperiment = delegate
        self.explicitParameters = explicit
        self.time = time
        self.version = version
    }

    /// The value as Statsig's SDKs store it.
    public var json: JSONValue {
        [
            "value": .bool(passed), "json_value": value.map(JSONValue.object) ?? .null, "rule_id": .string(ruleID),
            "group_name": .text(groupName), "secondary_exposures": secondaryExposures.json,
            // Never null: the Python SDK drops everything stored for the unit if it is.
            "undelegated_secondary_exposures": undelegatedSecondaryExposures.json,
            "config_delegate": .text(allocatedExperiment),
            "explicit_parameters": explicitParameters.map { .array($0.map(JSONValue.string)) } ?? .null,
            "time": time.map { .integer(Int64(clamping: $0)) } ?? .null,
            "config_version": .integer(Int64(version ?? 0)),
        ]
    }
}

extension StickyValue {
    init(_ evaluation: ConfigEvaluation) {
        passed = evaluation.passed
        value = evaluation.value
        ruleID = evaluation.ruleID
        groupName = evaluation.groupName
        secondaryExposures = evaluation.secondaryExposures
        undelegatedSecondaryExposures = evaluation.extras?.undelegated ?? []
        allocatedExperiment = evaluation.extras?.allocatedExperiment
        explicitParameters = evaluation.explicitParameters
        time = evaluation.details.time
        version = evaluation.version
    }

    init(_ evaluation: LayerEvaluation) {
        passed = evaluation.passed
        value = evaluation.value
        ruleID = evaluation.ruleID
        groupName = evaluation.groupName
        secondaryExposures = evaluation.secondaryExposures
        undelegatedSecondaryExposures = evaluation.undelegatedSecondaryExposures
        allocatedExperiment = evaluation.allocatedExperiment
        explicitParameters = evaluation.answer.spec.explicitParameters
        time = evaluation.details.time
        version = evaluation.version
    }
}

extension JSONObject {
    /// The member `name`, read; nil within if it is missing or null, nil if it cannot be read.
    fileprivate func optional<Value>(_ name: String, _ read: (JSONValue) -> Value?) -> Value?? {
        guard let value = self[name], !value.isNull else { return .some(nil) }
        return read(value).map { .some($0) } ?? .none
    }
}

extension JSONValue {
    /// The texts of a list that holds nothing else.
    fileprivate var texts: [String]? {
        guard let items = arrayValue else { return nil }
        let texts = items.compactMap(\.stringValue)
        return texts.count == items.count ? texts : nil
    }
}

extension [SecondaryExposure] {
    fileprivate init?(json: JSONValue) {
        guard let items = json.arrayValue else { return nil }
        self = []
        for item in items {
            guard let gate = item["gate"]?.stringValue, let value = item["gateValue"]?.stringValue,
                let ruleID = item["ruleID"]?.stringValue
            else { return nil }
            append(SecondaryExposure(gate: gate, value: value.isExactly("true"), ruleID: ruleID))
        }
    }

    fileprivate var json: JSONValue {
        .array(
            map { exposure in
                [
                    "gate": .string(exposure.gate), "gateValue": exposure.value ? "true" : "false",
                    "ruleID": .string(exposure.ruleID),
                ]
            }
        )
    }
}
