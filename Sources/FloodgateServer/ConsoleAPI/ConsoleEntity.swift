// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
package import FloodgateJSON
import FloodgateSpecs

/// An entity as the console API shows it.
package enum ConsoleEntity {
    package static func json(_ entity: Entity, in state: ControlState) -> JSONObject {
        var object = common(entity)
        switch entity.kind {
        case .gate: addGate(entity, state, to: &object)
        case .segment: addSegment(entity, to: &object)
        case .holdout: addHoldout(entity, to: &object)
        case .dynamicConfig: addConfig(entity, to: &object)
        case .experiment, .autotune: addExperiment(entity, state, to: &object)
        case .layer: addLayer(entity, to: &object)
        }
        return object
    }

    /// The name in paths, which for segments is without the document's prefix.
    static func id(of entity: Entity) -> String {
        guard entity.kind == .segment, entity.name.hasPrefix(ConsoleCondition.segmentPrefix) else { return entity.name }
        return String(entity.name.dropFirst(ConsoleCondition.segmentPrefix.count))
    }

    private static func common(_ entity: Entity) -> JSONObject {
        let creator = JSONValue.null
        var object: JSONObject = [
            "id": .string(id(of: entity)), "name": .string(id(of: entity)), "description": .string(entity.description),
            "idType": .string(entity.spec.idType), "isEnabled": .bool(entity.isEnabled),
            "createdTime": .integer(entity.createdTime), "creatorID": creator, "creatorName": creator,
            "creatorEmail": creator, "lastModifiedTime": .integer(entity.modifiedTime),
            "lastModifierID": .string(entity.modifiedBy), "lastModifierName": .string(entity.modifiedBy),
            "lastModifierEmail": .null, "tags": [],
            "targetApps": .array((entity.spec.targetAppIDs ?? []).map(JSONValue.string)), "holdoutIDs": [],
            "team": .null, "teamID": .null,
        ]
        object["version"] = entity.spec.version.map { .integer(Int64($0)) } ?? .null
        return object
    }

    private static func addGate(_ entity: Entity, _ state: ControlState, to object: inout JSONObject) {
        object["status"] = entity.isEnabled ? "In Progress" : "Disabled"
        object["type"] = "TEMPORARY"
        object["typeReason"] = "NONE"
        object["isTemplate"] = false
        object["measureMetricLifts"] = false
        object["monitoringMetrics"] = []
        object["checksPerHour"] = 0
        object["releasePipelineID"] = .null as JSONValue
        object["reviewSettings"] = ["requiredReview": false]
        let holdouts = state.holdoutNames
        let held = entity.spec.rules.compactMap { $0.holdout(among: holdouts) }
        object["holdoutIDs"] = .array(held.map(JSONValue.string))
        addRules(entity, to: &object)
    }

    private static func addSegment(_ entity: Entity, to object: inout JSONObject) {
        object["type"] = "rule_based"
        object["count"] = 0
        addRules(entity, to: &object)
    }

    private static func addHoldout(_ entity: Entity, to object: inout JSONObject) {
        object["passPercentage"] = entity.spec.rules.last.map { .number($0.passPercentage) } ?? 0
        object["isGlobal"] = false
        addRules(entity, to: &object)
    }

    private static func addConfig(_ entity: Entity, to object: inout JSONObject) {
        object["status"] = entity.isEnabled ? "Enabled" : "Disabled"
        object["defaultValue"] = entity.spec.defaultValue
        addRules(entity, to: &object)
    }

    private static func addExperiment(_ entity: Entity, _ state: ControlState, to object: inout JSONObject) {
        let spec = entity.spec
        object["status"] = spec.isActive == true ? "active" : "setup"
        object["layerID"] = .text(state.settings.experimentToLayer[spec.name])
        object["defaultValue"] = spec.defaultValue
        let groups = spec.rules.filter { $0.groupName != nil }
        object["groups"] = .array(
            groups.map { rule in
                [
                    "id": .string(rule.id), "name": .text(rule.groupName), "parameterValues": rule.returnValue,
                    "disabled": false,
                ]
            }
        )
        addRules(entity, to: &object)
    }

    private static func addLayer(_ entity: Entity, to object: inout JSONObject) {
        let parameters = entity.spec.defaultValue.objectValue ?? JSONObject()
        object["isImplicitLayer"] = false
        object["parameters"] = .array(
            parameters.map { member in
                ["name": .string(member.name), "type": .string(typeName(member.value)), "defaultValue": member.value]
            }
        )
    }

    private static func addRules(_ entity: Entity, to object: inout JSONObject) {
        object["rules"] = .array(entity.spec.rules.map { .object($0.consoleJSON) })
    }

    private static func typeName(_ value: JSONValue) -> String {
        switch value {
        case .string: "string"
        case .number: "number"
        case .bool: "boolean"
        case .array: "array"
        case .object, .null: "object"
        }
    }
}
