// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// What a response says besides its gates, configs and layers.
extension ClientResponse {
    func parameterStores() -> JSONObject {
        var stores = JSONObject()
        for store in ruleset.parameterStores where options.parameterStores?.contains(store.name) ?? true {
            guard isOfApp(store.value["targetAppIDs"]?.arrayValue?.compactMap(\.stringValue)) else { continue }
            var parameters = JSONObject()
            for parameter in store.value["parameters"]?.objectValue ?? JSONObject() {
                parameters[parameter.name] = .object(self.parameter(parameter.name, parameter.value))
            }
            stores[options.hash(store.name)] = .object(parameters)
        }
        return stores
    }

    /// The members of the form that a parameter has, in the core's order of forms; others are left out.
    func parameter(_ name: String, _ json: JSONValue) -> JSONObject {
        let forms = [
            ["value"], ["gate_name", "pass_value", "fail_value"], ["config_name", "param_name"],
            ["experiment_name", "param_name"], ["layer_name", "param_name"],
        ]
        var object: JSONObject = ["name": .string(name)]
        object.set("ref_type", json["ref_type"])
        object.set("param_type", json["param_type"])
        for member in forms.first(where: { $0.allSatisfy { json[$0] != nil } }) ?? [] {
            let isTarget = member != "param_name" && member.utf8.reversed().starts(with: "_name".utf8.reversed())
            object.set(member, isTarget ? json[member]?.stringValue.map { .string(options.hash($0)) } : json[member])
        }
        return object
    }

    func evaluatedKeys() -> JSONObject {
        var keys = JSONObject()
        if let id = user.userID.flatMap({ AttributeText.text(of: $0) }), !id.isEmpty { keys["userID"] = .string(id) }
        if !user.customIDs.isEmpty {
            keys["customIDs"] = .object(
                JSONObject(user.customIDs.map { ($0.name, .string(AttributeText.text(of: $0.value) ?? "")) })
            )
        }
        return keys
    }

    func privateAttributesHash() -> String? {
        guard !user.privateAttributes.isEmpty else { return nil }
        let sum = user.privateAttributes.reduce(UInt32(0)) { sum, member in
            sum &+ NameHash.djb2("\(member.name):\(AttributeText.text(of: member.value) ?? "")")
        }
        return String(sum)
    }

    func sessionReplay() -> JSONObject {
        var object = JSONObject()
        guard let info = ruleset.sessionReplay else { return object }
        let random = surroundings.random()
        func isSampled(_ rate: JSONValue?) -> Bool { rate?.doubleValue.map { random <= $0 } ?? true }
        var canRecord = isSampled(info["sampling_rate"])
        if let blocked = info["recording_blocked"]?.boolValue {
            object["recording_blocked"] = .bool(blocked)
            if blocked { canRecord = false }
        }
        object.set("session_recording_rate", info["sampling_rate"])
        if let gate = info["targeting_gate"]?.stringValue {
            var session = Session()
            session.ignoresOverrides = !options.includesLocalOverrides
            var outcome = Outcome()
            ruleset.evaluate(
                ruleset.gateTable.find(gate),
                named: gate,
                as: .gate,
                for: user,
                in: surroundings,
                &session,
                into: &outcome
            )
            object["passes_session_recording_targeting"] = .bool(outcome.bool)
            if !outcome.bool { canRecord = false }
        }
        object["can_record_session"] = .bool(canRecord)
        object.set("session_recording_privacy_settings", info["session_recording_privacy_settings"])
        for name in ["session_recording_event_triggers", "session_recording_exposure_triggers"] {
            guard let triggers = info[name]?.objectValue else { continue }
            let hashes = name == "session_recording_exposure_triggers"
            object[name] = .object(
                JSONObject(
                    triggers.map { trigger in
                        var copy = JSONObject()
                        copy.set("values", trigger.value["values"])
                        if let rate = trigger.value["sampling_rate"], !rate.isNull {
                            copy["passes_sampling"] = .bool(isSampled(rate))
                        }
                        return (hashes ? options.hash(trigger.name) : trigger.name, .object(copy))
                    }
                )
            )
        }
        return object
    }
}
