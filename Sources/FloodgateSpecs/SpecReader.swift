// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) package import FloodgateJSON

enum SpecMember: Int, MemberName {
    case type, entity, salt, enabled, defaultValue, idType, explicitParameters, hasSharedParams, isActive, version
    case targetAppIDs, forwardAllExposures, useNewLayerEval, rules, name, checksum, fieldsUsed

    static let names: [StaticString] = [
        "type", "entity", "salt", "enabled", "defaultValue", "idType", "explicitParameters", "hasSharedParams",
        "isActive", "version", "targetAppIDs", "forwardAllExposures", "useNewLayerEval", "rules", "name", "checksum",
        "fieldsUsed",
    ]
}

enum RuleMember: Int, MemberName {
    case name, id, salt, passPercentage, returnValue, idType, groupName, configDelegate, isExperimentGroup
    case samplingRate, conditions

    static let names: [StaticString] = [
        "name", "id", "salt", "passPercentage", "returnValue", "idType", "groupName", "configDelegate",
        "isExperimentGroup", "samplingRate", "conditions",
    ]
}

enum ConditionMember: Int, MemberName {
    case type, idType, `operator`, field, targetValue, additionalValues, checksum

    static let names: [StaticString] = [
        "type", "idType", "operator", "field", "targetValue", "additionalValues", "checksum",
    ]
}

/// Reads specs, rules and conditions off a tape.
///
/// Errors name the first member that makes Statsig's Rust core refuse the part, and point to it from the part itself;
/// whoever knows where that stands completes the pointer.
package struct SpecReader: ~Copyable {
    private var spec = MemberSlots<SpecMember>()
    private var rule = MemberSlots<RuleMember>()
    private var condition = MemberSlots<ConditionMember>()

    /// Makes a reader for any number of parts.
    package init() {}

    /// Reads a spec over what `view` held.
    /// - Parameters:
    ///   - json: the spec's object.
    ///   - name: the spec's name where the object does not hold it (v2).
    ///   - view: what is overwritten; of no use if an error was thrown.
    /// - Throws: `SpecError` at the first member that makes Statsig's Rust core drop the spec.
    mutating func readSpec(_ json: JSONView, named name: JSONView?, into view: inout SpecView) throws(SpecError) {
        try spec.fill(from: json)
        view.json = json
        view.type = try spec.text(.type)
        view.entity = try spec.text(.entity)
        view.salt = try spec.text(.salt)
        view.isEnabled = try spec.flag(.enabled)
        view.defaultValue = try spec.anything(.defaultValue)
        view.idType = try spec.text(.idType)
        view.explicitParameters = try spec.optionalTexts(.explicitParameters)
        view.hasSharedParams = try spec.optionalFlag(.hasSharedParams)
        view.isActive = try spec.optionalFlag(.isActive)
        view.version = try spec.optionalUnsigned(.version, upTo: UInt64(UInt32.max)).map {
            UInt32(truncatingIfNeeded: $0)
        }
        view.targetAppIDs = try spec.optionalTexts(.targetAppIDs)
        view.forwardAllExposures = try spec.optionalFlag(.forwardAllExposures)
        view.useNewLayerEval = try spec.optionalFlag(.useNewLayerEval)
        let rules = try spec.list(.rules)
        if let name { view.name = name } else { view.name = try spec.text(.name) }
        view.rules.removeAll(keepingCapacity: true)
        var index = 0
        for json in rules.items {
            do throws(SpecError) { view.rules.append(try readRule(json)) } catch {
                throw error.under(index).under("rules")
            }
            index += 1
        }
        _ = try spec.optionalText(.checksum)
        _ = try spec.optionalTexts(.fieldsUsed)
    }

    /// What a spec holds besides; its `name` is among that if it was named from outside.
    mutating func others(of view: SpecView, isNamed: Bool) -> JSONObject {
        guard (try? spec.fill(from: view.json)) != nil else { return JSONObject() }
        return spec.rest(keeping: isNamed ? [.checksum, .fieldsUsed] : [.checksum, .fieldsUsed, .name])
    }

    /// Reads a rule.
    package mutating func readRule(_ json: JSONView) throws(SpecError) -> RuleView {
        try rule.fill(from: json)
        let view = RuleView(
            name: try rule.text(.name),
            id: try rule.text(.id),
            salt: try rule.optionalText(.salt),
            passPercentage: try rule.number(.passPercentage),
            returnValue: try rule.anything(.returnValue),
            idType: try rule.text(.idType),
            groupName: try rule.optionalText(.groupName),
            configDelegate: try rule.optionalText(.configDelegate),
            isExperimentGroup: try rule.optionalFlag(.isExperimentGroup),
            samplingRate: try rule.optionalUnsigned(.samplingRate),
            conditions: try rule.list(.conditions),
            json: json
        )
        var index = 0
        for json in view.conditions.items {
            switch json.kind {
            case .string: break
            case .object:
                do throws(SpecError) { _ = try readCondition(json) } catch {
                    throw error.under(index).under("conditions")
                }
            default: throw SpecError(wanted: "a condition or the id of one").under(index).under("conditions")
            }
            index += 1
        }
        return view
    }

    /// What a rule holds besides.
    mutating func others(of view: RuleView) -> JSONObject {
        guard (try? rule.fill(from: view.json)) != nil else { return JSONObject() }
        return rule.rest()
    }

    /// Reads a condition.
    package mutating func readCondition(_ json: JSONView) throws(SpecError) -> ConditionView {
        try condition.fill(from: json)
        let view = ConditionView(
            type: try condition.text(.type),
            idType: try condition.text(.idType),
            operator: try condition.optionalText(.operator),
            field: try condition.optionalText(.field),
            targetValue: condition[.targetValue],
            additionalValues: try condition.optionalObject(.additionalValues),
            json: json
        )
        if let values = view.additionalValues {
            // Of a name that stands twice, only the last value counts.
            for member in values.members where member.value.kind != .string {
                guard let name = values.uniqueMembers.first(where: { $0.value.kind != .string })?.name.text else {
                    break
                }
                throw SpecError(wanted: "a text").under(name).under("additionalValues")
            }
        }
        _ = try condition.optionalText(.checksum)
        return view
    }

    /// What a condition holds besides.
    mutating func others(of view: ConditionView) -> JSONObject {
        guard (try? condition.fill(from: view.json)) != nil else { return JSONObject() }
        return condition.rest(keeping: [.checksum])
    }
}
