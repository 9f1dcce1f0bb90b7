// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

extension Spec {
    /// The spec as one self-contained object: with its name, conditions written out where they are inline.
    public var json: JSONValue { .object(object(named: true) { $0.json }) }

    func object(named: Bool, condition: (ConditionReference) -> JSONValue) -> JSONObject {
        var object = JSONObject()
        if named { object["name"] = .string(name) }
        object["type"] = .string(type)
        object["salt"] = .string(salt)
        object["enabled"] = .bool(isEnabled)
        object["defaultValue"] = defaultValue
        object["rules"] = .array(rules.map { .object($0.object(condition: condition)) })
        object["idType"] = .string(idType)
        object["entity"] = .string(entity)
        object.set("explicitParameters", explicitParameters.map { .array($0.map(JSONValue.string)) })
        object.set("hasSharedParams", hasSharedParams.map(JSONValue.bool))
        object.set("isActive", isActive.map(JSONValue.bool))
        object.set("version", version.map { .integer(Int64($0)) })
        object.set("targetAppIDs", targetAppIDs.map { .array($0.map(JSONValue.string)) })
        object.set("forwardAllExposures", forwardAllExposures.map(JSONValue.bool))
        object.set("useNewLayerEval", useNewLayerEval.map(JSONValue.bool))
        for member in others where member.name != "name" { object[member.name] = member.value }
        return object
    }
}

extension Rule {
    func object(condition: (ConditionReference) -> JSONValue) -> JSONObject {
        var object = JSONObject()
        object["name"] = .string(name)
        object["id"] = .string(id)
        // Never null or absent: the legacy SDKs fail without it, and the id is what it stands for.
        object["salt"] = .string(salt ?? id)
        object["passPercentage"] = .number(passPercentage)
        object["conditions"] = .array(conditions.map(condition))
        object["returnValue"] = returnValue
        object["idType"] = .string(idType)
        object.set("groupName", groupName.map(JSONValue.string))
        object.set("configDelegate", configDelegate.map(JSONValue.string))
        object.set("isExperimentGroup", isExperimentGroup.map(JSONValue.bool))
        object.set(
            "samplingRate",
            samplingRate.map { .number($0 <= UInt64(Int64.max) ? .integer(Int64($0)) : .unsigned($0)) }
        )
        for member in others { object[member.name] = member.value }
        return object
    }
}

extension ConditionReference {
    /// The condition's object, or its id as a text.
    public var json: JSONValue {
        switch self {
        case .id(let id): .string(id)
        case .inline(let condition): condition.json
        }
    }
}

extension Condition {
    /// The condition's object with the members that real documents always hold.
    public var json: JSONValue {
        var object = JSONObject()
        object["type"] = .string(type)
        object["targetValue"] = targetValue ?? .null
        object["operator"] = .text(`operator`)
        object["field"] = .text(field)
        object["additionalValues"] = .object(additionalValues ?? JSONObject())
        object["idType"] = .string(idType)
        for member in others { object[member.name] = member.value }
        return .object(object)
    }
}
