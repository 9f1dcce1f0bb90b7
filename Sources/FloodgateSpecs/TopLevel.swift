// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// The optional top-level members whose types the Rust core insists on; a wrong one refuses the whole document.
enum TopLevel {
    static func check(_ members: JSONObject) throws(SpecError) {
        for member in members where !member.value.isNull {
            let place = Place.root.member(member.name)
            switch member.name {
            case "response_format", "company_id", "default_environment":
                guard case .string = member.value else { throw place.wrongType("a text") }
            case "id_lists", "sdk_flags": try each(member.value, place, "true or false") { $0.boolValue != nil }
            case "diagnostics": try each(member.value, place, "a number") { $0.doubleValue != nil }
            case "sdk_configs": _ = try object(member.value, place)
            case "session_replay_info": try checkSessionReplay(member.value, place)
            case "sdk_keys_to_app_ids", "hashed_sdk_keys_to_app_ids": _ = try object(member.value, place)
            case "param_stores": try checkParameterStores(member.value, place)
            case "override_rules":
                for rule in try object(member.value, place) { _ = try Rule(rule.value, at: place.member(rule.name)) }
            case "overrides": try checkMappings(member.value, place)
            case "auto_capture_settings":
                var reader = try MemberReader(member.value, at: place)
                let events = try reader.object("disabled_events")
                try each(.object(events), place.member("disabled_events"), "true or false") { $0.boolValue != nil }
            case "gcir_config":
                var reader = try MemberReader(member.value, at: place)
                _ = try reader.flag("remove_default_value_gates")
            case "cmab_configs": try checkBandits(member.value, place)
            default: break
            }
        }
    }

    static func object(_ value: JSONValue, _ place: Place) throws(SpecError) -> JSONObject {
        guard case .object(let object) = value else { throw place.wrongType("an object") }
        return object
    }

    static func each(
        _ value: JSONValue,
        _ place: Place,
        _ wanted: String,
        _ isGood: (JSONValue) -> Bool
    ) throws(SpecError) {
        for member in try object(value, place) {
            guard isGood(member.value) else { throw place.member(member.name).wrongType(wanted) }
        }
    }

    private static func checkParameterStores(_ value: JSONValue, _ place: Place) throws(SpecError) {
        for store in try object(value, place) {
            var reader = try MemberReader(store.value, at: place.member(store.name))
            _ = try reader.optionalTexts("targetAppIDs")
            _ = try reader.optionalUnsigned("version", upTo: UInt64(UInt32.max))
            _ = try reader.optionalText("checksum")
            let parameters = try reader.object("parameters")
            for parameter in parameters {
                let place = place.member(store.name).member("parameters").member(parameter.name)
                var reader = try MemberReader(parameter.value, at: place)
                _ = try reader.text("ref_type")
                _ = try reader.text("param_type")
                guard let members = parameter.value.objectValue, hasParameterForm(members) else {
                    throw place.wrongType("a static value or a reference to a gate, config, experiment or layer")
                }
            }
        }
    }

    private static func hasParameterForm(_ members: JSONObject) -> Bool {
        func isText(_ name: String) -> Bool { members[name]?.stringValue != nil }
        return members["value"] != nil
            || isText("gate_name") && members["pass_value"] != nil && members["fail_value"] != nil
            || (isText("config_name") || isText("experiment_name") || isText("layer_name")) && isText("param_name")
    }

    private static func checkMappings(_ value: JSONValue, _ place: Place) throws(SpecError) {
        for entry in try object(value, place) {
            let place = place.member(entry.name)
            guard case .array(let mappings) = entry.value else { throw place.wrongType("a list of mappings") }
            for (index, mapping) in mappings.enumerated() {
                let place = place.item(index)
                var reader = try MemberReader(mapping, at: place)
                _ = try reader.text("new_config_name")
                for (index, rule) in try reader.list("rules").enumerated() {
                    var reader = try MemberReader(rule, at: place.member("rules").item(index))
                    _ = try reader.text("rule_name")
                    try reader.checkInteger("start_time")
                }
            }
        }
    }
}

extension MemberReader {
    mutating func optionalNumber(_ name: String) throws(SpecError) -> JSONNumber? {
        guard let value = take(name), !value.isNull else { return nil }
        guard case .number(let number) = value else { throw wrongType(name, "a number") }
        return number
    }

    /// Insists on a signed 64-bit integer, if the member is there.
    mutating func checkInteger(_ name: String) throws(SpecError) {
        switch take(name) {
        case nil, .null, .number(.integer): return
        default: throw wrongType(name, "an integer of 64 bits")
        }
    }
}
