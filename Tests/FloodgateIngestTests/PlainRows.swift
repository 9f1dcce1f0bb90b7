// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse

/// The rows of the warehouse as `WarehouseTable` describes them, made the plain way; without ids.
struct PlainRows {
    let logged: LoggedBatch
    let names: [String: String]

    func table(of event: Event) -> WarehouseTable { event.isExposure ? .exposures : .events }

    func row(_ event: Event, _ number: Int, of batch: EventBatch) -> JSONObject {
        let user = event.user ?? JSONObject()
        let sdk = batch.statsigMetadata ?? JSONObject()
        let (time, isClamped) = corrected(event.time)
        var row: JSONObject = [
            "environment": .string(logged.environment),
            "name": .string(event.isExposure ? exposed(event) : event.name),
            "user_id": .string(text(user["userID"])),
            "custom_ids": .string(object(user["customIDs"]?.objectValue)),
            "time": .integer(time),
            "client_time": .integer(event.time),
            "received_at": .integer(logged.receivedAt),
            "is_clamped": .integer(isClamped ? 1 : 0),
            "position": .integer(logged.id),
            "number": .integer(number),
            "session_id": .string(text(sdk["sessionID"])),
            "sdk_type": .string(text(sdk["sdkType"])),
            "sdk_version": .string(text(sdk["sdkVersion"])),
            "key_kind": .string(logged.keyKind),
            "user": .string(object(user, without: ["userID", "customIDs", "privateAttributes"])),
        ]
        if let exposure = Exposure(event) {
            add(exposure, event, to: &row)
        } else {
            row["value"] = numeric(event.value)
            row["value_text"] = .string(text(event.value))
            row["metadata"] = .string(object(event.metadata))
            row["statsig_metadata"] = .string(object(event.statsigMetadata))
        }
        return row
    }

    private func add(_ exposure: Exposure, _ event: Event, to row: inout JSONObject) {
        row["kind"] = .string(exposure.kind.name)
        row["rule_id"] = .string(exposure.ruleID)
        var (value, parameter, experiment) = ("", "", "")
        switch exposure.kind {
        case .gate(let passes): value = passes.map(String.init) ?? ""
        case .layer(let name, let allocated, _): (parameter, experiment) = (name, renamed(allocated ?? ""))
        default: break
        }
        row["value"] = .string(value)
        row["parameter"] = .string(parameter)
        row["experiment"] = .string(experiment)
        row["reason"] = .string(exposure.reason ?? "")
        row["version"] = .integer(exposure.version ?? 0)
        row["override_name"] = .string(text(event.metadata?["overrideConfigName"]))
        row["is_manual"] = .integer(exposure.isManual ? 1 : 0)
        row["sampling_rate"] = .integer(samplingRate(event.statsigMetadata))
        let gates = event.secondaryExposures.map { gate in
            var gate = gate
            if case .string(let name)? = gate["gate"] { gate["gate"] = .string(renamed(name)) }
            return JSONValue.object(gate)
        }
        row["secondary"] = .string(gates.isEmpty ? "" : JSONValue.array(gates).text)
    }

    private func exposed(_ event: Event) -> String {
        renamed(text(event.metadata?[event.name == "statsig::gate_exposure" ? "gate" : "config"]))
    }

    private func renamed(_ name: String) -> String { names[name] ?? name }

    private func corrected(_ time: Int64) -> (Int64, Bool) {
        var time = Double(time)
        let received = Double(logged.receivedAt)
        if let sentAt = logged.sentAt, abs(received - Double(sentAt)) > 2000 { time += received - Double(sentAt) }
        let isClamped = time < received - 7 * 86_400_000 || time > received + 600_000
        return (isClamped ? logged.receivedAt : Int64(time), isClamped)
    }

    private func samplingRate(_ metadata: JSONObject?) -> Int64 {
        guard metadata?["samplingMode"] == "on", let rate = metadata?["samplingRate"] else { return 1 }
        return max(1, rate.integerValue ?? rate.stringValue.flatMap { Int64($0) } ?? 1)
    }

    private func text(_ value: JSONValue?) -> String {
        switch value {
        case .string(let text): text
        case .bool, .number: value?.text ?? ""
        default: ""
        }
    }

    private func numeric(_ value: JSONValue?) -> JSONValue {
        switch value {
        case .number: value ?? .null
        case .string(let text): Double(text).map(JSONValue.double) ?? .null
        default: .null
        }
    }

    private func object(_ object: JSONObject?, without names: Set<String> = []) -> String {
        let members = (object ?? JSONObject()).filter { !$0.value.isNull && !names.contains($0.name) }
        return members.isEmpty ? "" : JSONValue.object(JSONObject(members.map { ($0.name, $0.value) })).text
    }
}
