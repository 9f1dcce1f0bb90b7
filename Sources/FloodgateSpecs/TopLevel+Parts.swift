// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON

extension TopLevel {
    /// Insists on the types of a contextual bandit.
    static func checkBandit(_ value: JSONView) throws(SpecError) {
        let reader = try MemberReader(value)
        _ = try reader.text("salt")
        _ = try reader.text("idType")
        _ = try reader.flag("enabled")
        _ = try reader.anything("defaultValue")
        guard try reader.optionalUnsigned("version", upTo: UInt64(UInt32.max)) != nil else {
            throw SpecError(missing: "version")
        }
        _ = try reader.number("sampleRate")
        _ = try reader.flag("higherIsBetter")
        _ = try reader.optionalText("targetingGateName")
        _ = try reader.optionalTexts("targetAppIDs")
        let groups = try reader.list("groups")
        try within("groups") { () throws(SpecError) in
            try eachItem(groups) { group throws(SpecError) in
                let reader = try MemberReader(group)
                _ = try reader.text("name")
                _ = try reader.text("id")
                _ = try reader.anything("parameterValues")
            }
        }
        guard let models = try reader.optionalObject("config") else { return }
        try within("config") { () throws(SpecError) in try each(models, checkModel) }
    }

    private static func checkModel(_ value: JSONView) throws(SpecError) {
        let reader = try MemberReader(value)
        _ = try reader.number("alpha")
        _ = try reader.number("intercept")
        _ = try reader.unsigned("records")
        let numbers = try reader.object("weightsNumerical")
        try within("weightsNumerical") { () throws(SpecError) in try insist(numbers, "a number") { $0.number != nil } }
        let fields = try reader.object("weightsCategorical")
        try within("weightsCategorical") { () throws(SpecError) in
            try each(fields) { field throws(SpecError) in try insist(field, "a number") { $0.number != nil } }
        }
    }

    /// Insists on the types of session replay's settings.
    static func checkSessionReplay(_ value: JSONView) throws(SpecError) {
        let reader = try MemberReader(value)
        _ = try reader.optionalNumber("sampling_rate")
        _ = try reader.optionalText("targeting_gate")
        _ = try reader.optionalFlag("recording_blocked")
        for name in ["session_recording_event_triggers", "session_recording_exposure_triggers"] as [StaticString] {
            guard let triggers = try reader.optionalObject(name) else { continue }
            try within("\(name)") { () throws(SpecError) in
                try each(triggers) { trigger throws(SpecError) in
                    let reader = try MemberReader(trigger)
                    _ = try reader.optionalNumber("sampling_rate")
                    _ = try reader.optionalTexts("values")
                    _ = try reader.optionalFlag("passes_sampling")
                }
            }
        }
        guard let settings = try reader.optionalObject("session_recording_privacy_settings") else { return }
        try within("session_recording_privacy_settings") { () throws(SpecError) in
            let privacy = try MemberReader(settings)
            _ = try privacy.text("privacy_mode")
            for name in ["unmasked_elements", "masked_elements", "blocked_elements"] as [StaticString] {
                _ = try privacy.optionalTexts(name)
            }
        }
    }
}
