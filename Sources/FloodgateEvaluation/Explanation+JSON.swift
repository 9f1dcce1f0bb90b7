// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

extension Explanation {
    /// The explanation as one JSON object, whose members keep their names and meaning; new ones may come.
    ///
    /// What there is nothing to say of is left out.
    public var json: JSONValue {
        var object: JSONObject = [
            "name": .string(name), "kind": .string(kind.rawValue),
            "known_as": .array(knownAs.map { .string($0.rawValue) }),
            "value": value ?? .null,
        ]
        for member in facts { object[member.name] = member.value }
        object["user"] = .object(userObject)
        object.set("environment", environment.map(JSONValue.object))
        object["evaluated_at"] = .integer(time)
        if let time = details?.time { object["specs_time"] = .integer(Int64(clamping: time)) }
        object.set("trace", trace?.json)
        if case .parameterStore(let parameters?) = answer { object["parameters"] = .array(parameters.map(\.json)) }
        return .object(object)
    }

    /// The value that is served: a boolean for a gate, else the parameters; nil if there is none.
    public var value: JSONValue? {
        if case .gate(let gate) = answer { return .bool(gate.value) }
        return answer.parameters.map(JSONValue.object)
    }

    /// The user's members as SDKs write them, private attributes included.
    private var userObject: JSONObject {
        var object = user.wireObject(environment: nil)
        if !user.privateAttributes.isEmpty { object["privateAttributes"] = .object(user.privateAttributes) }
        return object
    }

    /// What the answer says besides its value.
    private var facts: JSONObject {
        var object = JSONObject()
        func add(_ ruleID: String, _ idType: String, _ version: UInt32?, _ exposures: [SecondaryExposure]) {
            object["rule_id"] = .string(ruleID)
            object["id_type"] = .string(idType)
            object.set("version", version.map { .integer(Int64($0)) })
            object.set("reason", details.map { .string($0.reason.wireName) })
            object["secondary_exposures"] = .array(
                exposures.map {
                    ["gate": .string($0.gate), "gateValue": $0.value ? "true" : "false", "ruleID": .string($0.ruleID)]
                }
            )
        }
        switch answer {
        case .gate(let gate): add(gate.ruleID, gate.idType, gate.version, gate.secondaryExposures)
        case .dynamicConfig(let config), .experiment(let config):
            add(config.ruleID, config.idType, config.version, config.secondaryExposures)
            object.set("group_name", config.groupName.map(JSONValue.string))
        case .layer(let layer):
            add(layer.ruleID, layer.idType, layer.version, layer.secondaryExposures)
            object.set("group_name", layer.groupName.map(JSONValue.string))
            object.set("allocated_experiment", layer.allocatedExperiment.map(JSONValue.string))
        case .parameterStore: break
        }
        return object
    }
}

extension Explanation.Parameter {
    var json: JSONValue {
        var object: JSONObject = ["name": .string(name), "value": value ?? .null]
        if let source {
            object["from"] = ["kind": .string(source.kind.rawValue), "name": .string(source.name)]
            if let parameter = source.parameter { object["parameter"] = .string(parameter) }
        }
        object.set("trace", trace?.json)
        return .object(object)
    }
}

extension Explanation.Evaluation {
    var json: JSONValue {
        var object: JSONObject = [
            "name": .string(name), "kind": .string(kind), "status": .string(status.rawValue), "value": value ?? .null,
            "rule_id": .string(ruleID),
        ]
        object.set("group_name", groupName.map(JSONValue.string))
        object.set("enabled", isEnabled.map(JSONValue.bool))
        if isRemembered { object["remembered"] = true }
        if isCut { object["cut"] = true }
        if !mappings.isEmpty { object["mappings"] = .array(mappings.map(\.json)) }
        object.set("targeting_gate", targeting.first?.json)
        object.set("choice", choice?.json)
        object.set("parameter_rule_ids", parameterRuleIDs.map(JSONValue.object))
        if !isRemembered {
            object["rules"] = .array(rules.map(\.json))
            object["rule_count"] = .integer(ruleCount)
        }
        return .object(object)
    }
}

extension Explanation.Rule {
    var json: JSONValue {
        var object: JSONObject = ["id": .string(id)]
        object.set("name", name.map(JSONValue.string))
        object.set("group_name", groupName.map(JSONValue.string))
        object["outcome"] = .string(verdict.rawValue)
        object["conditions"] = .array(conditions.map(\.json))
        object.set("share", share?.json)
        object.set("delegate", delegate.first?.json)
        return .object(object)
    }
}

extension Explanation.Condition {
    var json: JSONValue {
        var object: JSONObject = ["type": .string(type)]
        object.set("field", field.map(JSONValue.string))
        object.set("unit", unit.map(JSONValue.string))
        object.set("operator", `operator`.map(JSONValue.string))
        object.set("value", value)
        object.set("target_value", targetValue)
        object["outcome"] = .string(verdict.rawValue)
        object.set("hashed", hashed.map(JSONValue.string))
        object.set("list_id", listID.map(JSONValue.string))
        object.set("list_is_known", hasList.map(JSONValue.bool))
        object.set("asked", asked.first?.json)
        return .object(object)
    }
}

extension Explanation.Share {
    var json: JSONValue {
        var object: JSONObject = [
            "pass_percentage": .shortest(percentage), "unit": .string(unit), "threshold": .shortest(threshold),
        ]
        object.set("bucket", bucket.map(JSONValue.integer))
        object.set("hashed", hashed.map(JSONValue.string))
        object["passes"] = .bool(passes)
        return .object(object)
    }
}

extension Explanation.Mapping {
    var json: JSONValue {
        var object: JSONObject = ["new_name": .string(newName), "has_started": .bool(hasStarted)]
        object.set("start_time", startTime.map(JSONValue.integer))
        object.set("rule", rule?.json)
        object.set("answer", evaluation.first?.json)
        return .object(object)
    }
}

extension Explanation.Choice {
    var json: JSONValue {
        var object: JSONObject = [
            "way": .string(way.rawValue), "group_id": .string(groupID), "group_name": .string(groupName),
            "bucket": .integer(bucket),
        ]
        object.set("threshold", threshold.map(JSONValue.shortest))
        object["hashed"] = .string(hashed)
        if !scores.isEmpty {
            object["scores"] = .array(
                scores.map { ["group_id": .string($0.groupID), "score": $0.score.map(JSONValue.shortest) ?? .null] }
            )
        }
        return .object(object)
    }
}

extension JSONValue {
    /// A number without a fraction of zero.
    static func shortest(_ value: Double) -> JSONValue {
        Int64(exactly: value).map(JSONValue.integer) ?? .double(value)
    }
}
