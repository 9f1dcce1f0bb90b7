// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON

/// The optional top-level members whose types the Rust core insists on; a wrong one refuses the whole document.
enum TopLevel {
    static func check(_ name: String, _ value: JSONView) throws(SpecError) {
        do throws(SpecError) { try checkValue(of: name, value) } catch { throw error.under(name) }
    }

    private static func checkValue(of name: String, _ value: JSONView) throws(SpecError) {
        switch name {
        case "response_format", "company_id", "default_environment":
            guard value.kind == .string else { throw SpecError(wanted: "a text") }
        case "id_lists", "sdk_flags": try insist(value, "true or false") { $0.flag != nil }
        case "diagnostics": try insist(value, "a number") { $0.number != nil }
        case "sdk_configs", "sdk_keys_to_app_ids", "hashed_sdk_keys_to_app_ids":
            guard value.kind == .object else { throw SpecError(wanted: "an object") }
        case "session_replay_info": try checkSessionReplay(value)
        case "param_stores": try each(value, checkParameterStore)
        case "override_rules":
            var reader = SpecReader()
            try each(value) { rule throws(SpecError) in _ = try reader.readRule(rule) }
        case "overrides": try each(value, checkMappings)
        case "auto_capture_settings":
            let events = try MemberReader(value).object("disabled_events")
            try within("disabled_events") { () throws(SpecError) in
                try insist(events, "true or false") { $0.flag != nil }
            }
        case "gcir_config": _ = try MemberReader(value).flag("remove_default_value_gates")
        case "cmab_configs": try each(value, checkBandit)
        default: break
        }
    }

    /// Runs `body` on what stands in the member `name`.
    static func within(_ name: String, _ body: () throws(SpecError) -> Void) throws(SpecError) {
        do throws(SpecError) { try body() } catch { throw error.under(name) }
    }

    /// Runs `body` on each member's value.
    static func each(_ value: JSONView, _ body: (JSONView) throws(SpecError) -> Void) throws(SpecError) {
        guard value.kind == .object else { throw SpecError(wanted: "an object") }
        for member in value.uniqueMembers {
            do throws(SpecError) { try body(member.value) } catch { throw error.under(member.name.text ?? "") }
        }
    }

    /// Runs `body` on each item.
    static func eachItem(_ list: JSONView, _ body: (JSONView) throws(SpecError) -> Void) throws(SpecError) {
        for (index, item) in list.items.enumerated() {
            do throws(SpecError) { try body(item) } catch { throw error.under(index) }
        }
    }

    /// Insists on an object whose values are all good.
    static func insist(_ value: JSONView, _ wanted: String, _ isGood: (JSONView) -> Bool) throws(SpecError) {
        try each(value) { value throws(SpecError) in
            guard isGood(value) else { throw SpecError(wanted: wanted) }
        }
    }

    private static func checkParameterStore(_ value: JSONView) throws(SpecError) {
        let reader = try MemberReader(value)
        _ = try reader.optionalTexts("targetAppIDs")
        _ = try reader.optionalUnsigned("version", upTo: UInt64(UInt32.max))
        _ = try reader.optionalText("checksum")
        let parameters = try reader.object("parameters")
        try within("parameters") { () throws(SpecError) in try each(parameters, checkParameter) }
    }

    private static func checkParameter(_ value: JSONView) throws(SpecError) {
        let reader = try MemberReader(value)
        _ = try reader.text("ref_type")
        _ = try reader.text("param_type")
        func isText(_ name: StaticString) -> Bool { value[name]?.kind == .string }
        let hasForm =
            value["value"] != nil
            || isText("gate_name") && value["pass_value"] != nil && value["fail_value"] != nil
            || (isText("config_name") || isText("experiment_name") || isText("layer_name")) && isText("param_name")
        if !hasForm {
            throw SpecError(wanted: "a static value or a reference to a gate, config, experiment or layer")
        }
    }

    private static func checkMappings(_ value: JSONView) throws(SpecError) {
        guard value.kind == .array else { throw SpecError(wanted: "a list of mappings") }
        try eachItem(value) { mapping throws(SpecError) in
            let reader = try MemberReader(mapping)
            _ = try reader.text("new_config_name")
            let rules = try reader.list("rules")
            try within("rules") { () throws(SpecError) in
                try eachItem(rules) { rule throws(SpecError) in
                    let reader = try MemberReader(rule)
                    _ = try reader.text("rule_name")
                    try reader.checkInteger("start_time")
                }
            }
        }
    }
}

extension MemberReader {
    /// Insists on a signed 64-bit integer, if the member is there.
    fileprivate func checkInteger(_ name: StaticString) throws(SpecError) {
        guard let value = present(name) else { return }
        guard value.kind == .integer else { throw SpecError(wanted: "an integer of 64 bits").under("\(name)") }
    }
}
