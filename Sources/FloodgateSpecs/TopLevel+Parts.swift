// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

extension TopLevel {
    /// Insists on the types of contextual bandits.
    static func checkBandits(_ value: JSONValue, _ place: Place) throws(SpecError) {
        for bandit in try object(value, place) {
            let place = place.member(bandit.name)
            var reader = try MemberReader(bandit.value, at: place)
            _ = try reader.text("salt")
            _ = try reader.text("idType")
            _ = try reader.flag("enabled")
            _ = try reader.anything("defaultValue")
            guard try reader.optionalUnsigned("version", upTo: UInt64(UInt32.max)) != nil else {
                throw place.missing("version")
            }
            _ = try reader.number("sampleRate")
            _ = try reader.flag("higherIsBetter")
            _ = try reader.optionalText("targetingGateName")
            _ = try reader.optionalTexts("targetAppIDs")
            for (index, group) in try reader.list("groups").enumerated() {
                var reader = try MemberReader(group, at: place.member("groups").item(index))
                _ = try reader.text("name")
                _ = try reader.text("id")
                _ = try reader.anything("parameterValues")
            }
            for model in try reader.optionalObject("config") ?? JSONObject() {
                try checkModel(model.value, place.member("config").member(model.name))
            }
        }
    }

    private static func checkModel(_ value: JSONValue, _ place: Place) throws(SpecError) {
        var reader = try MemberReader(value, at: place)
        _ = try reader.number("alpha")
        _ = try reader.number("intercept")
        _ = try reader.unsigned("records")
        let numbers = try reader.object("weightsNumerical")
        try each(.object(numbers), place.member("weightsNumerical"), "a number") { $0.doubleValue != nil }
        for field in try reader.object("weightsCategorical") {
            let place = place.member("weightsCategorical").member(field.name)
            try each(field.value, place, "a number") { $0.doubleValue != nil }
        }
    }

    /// Insists on the types of session replay's settings.
    static func checkSessionReplay(_ value: JSONValue, _ place: Place) throws(SpecError) {
        var reader = try MemberReader(value, at: place)
        _ = try reader.optionalNumber("sampling_rate")
        _ = try reader.optionalText("targeting_gate")
        _ = try reader.optionalFlag("recording_blocked")
        for name in ["session_recording_event_triggers", "session_recording_exposure_triggers"] {
            for trigger in try reader.optionalObject(name) ?? JSONObject() {
                var reader = try MemberReader(trigger.value, at: place.member(name).member(trigger.name))
                _ = try reader.optionalNumber("sampling_rate")
                _ = try reader.optionalTexts("values")
                _ = try reader.optionalFlag("passes_sampling")
            }
        }
        let name = "session_recording_privacy_settings"
        guard let settings = try reader.optionalObject(name) else { return }
        var privacy = try MemberReader(.object(settings), at: place.member(name))
        _ = try privacy.text("privacy_mode")
        for name in ["unmasked_elements", "masked_elements", "blocked_elements"] { _ = try privacy.optionalTexts(name) }
    }
}
