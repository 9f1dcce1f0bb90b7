// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Writes the body of a `log_event` request straight to bytes, event by event, as Statsig's Rust core does.
///
/// `user` is the user's JSON without private attributes; write it once per user, not once per event.
package struct EventBatchWriter: ~Copyable, Sendable {
    private var writer: JSONWriter
    /// Events written since the last `finish`.
    package private(set) var count = 0

    /// Makes a writer whose buffer holds `capacity` bytes before it grows.
    package init(capacity: Int = 0) {
        writer = JSONWriter(capacity: capacity)
    }

    /// Bytes written since the last `finish`.
    package var sizeBytes: Int { writer.count }

    /// Appends a custom event; a `value` that is neither text nor number, nor nil, is up to the server to refuse.
    package mutating func append(
        event name: String,
        value: JSONValue? = nil,
        metadata: JSONObject? = nil,
        user: [UInt8],
        time: Int64
    ) {
        begin(name, user: user, time: time)
        writer.raw(",\"value\":")
        writer.write(value ?? .null)
        writer.raw(",\"metadata\":")
        if let metadata { writer.write(metadata) } else { writer.raw("null") }
        writer.raw(",\"statsigMetadata\":null,\"secondaryExposures\":null}")
    }

    /// Appends an event of another shape, such as diagnostics, as it is.
    package mutating func append(_ event: Event) {
        separate()
        writer.write(event.json)
    }

    /// Appends an exposure, all of its metadata as texts.
    package mutating func append(exposure: ExposureRecord, user: [UInt8], time: Int64) {
        switch exposure.subject {
        case .gate(let name, let value):
            begin(InternalEventName.gateExposure, user: user, time: time)
            writer.raw(",\"value\":null,\"metadata\":{\"gate\":")
            writer.write(name)
            flag(",\"gateValue\":", value)
        case .config(let name, let rulePassed):
            begin(InternalEventName.configExposure, user: user, time: time)
            writer.raw(",\"value\":null,\"metadata\":{\"config\":")
            writer.write(name)
            flag(",\"rulePassed\":", rulePassed)
        case .layer(let name, let parameter, let allocatedExperiment, let isExplicit):
            begin(InternalEventName.layerExposure, user: user, time: time)
            writer.raw(",\"value\":null,\"metadata\":{\"config\":")
            writer.write(name)
            text(",\"parameterName\":", parameter)
            text(",\"allocatedExperiment\":", allocatedExperiment ?? "")
            flag(",\"isExplicitParameter\":", isExplicit)
        }
        text(",\"ruleID\":", exposure.ruleID)
        text(",\"reason\":", exposure.reason)
        if let time = exposure.lastConfigUpdate { quoted(",\"lcut\":", Int64(clamping: time)) }
        if let time = exposure.receivedAt { quoted(",\"receivedAt\":", time) }
        if let version = exposure.configVersion { quoted(",\"configVersion\":", Int64(version)) }
        if let name = exposure.overrideConfigName { text(",\"overrideConfigName\":", name) }
        if exposure.isManual { flag(",\"isManualExposure\":", true) }
        writer.raw("},\"statsigMetadata\":")
        write(exposure.sampling)
        writer.raw(",\"secondaryExposures\":[")
        for (index, secondary) in exposure.secondaryExposures.enumerated() {
            writer.raw(index == 0 ? "{\"gate\":" : ",{\"gate\":")
            writer.write(secondary.gate)
            flag(",\"gateValue\":", secondary.value)
            text(",\"ruleID\":", secondary.ruleID)
            writer.raw("}")
        }
        writer.raw("]}")
    }

    /// Ends the body with what the SDK says about itself, returns it, and begins a new one in the same memory.
    package mutating func finish(statsigMetadata: JSONObject) -> [UInt8] {
        writer.raw(count == 0 ? "{\"events\":[],\"statsigMetadata\":" : "],\"statsigMetadata\":")
        writer.write(statsigMetadata)
        writer.raw("}")
        let body = writer.bytes
        writer.removeAll()
        count = 0
        return body
    }

    private mutating func separate() {
        writer.raw(count == 0 ? "{\"events\":[" : ",")
        count += 1
    }

    private mutating func begin(_ name: String, user: [UInt8], time: Int64) {
        separate()
        text("{\"eventName\":", name)
        writer.raw(",\"time\":")
        writer.write(integer: time)
        writer.raw(",\"user\":")
        if user.isEmpty { writer.raw("{}") } else { writer.raw(user) }
    }

    private mutating func write(_ sampling: ExposureRecord.Sampling?) {
        var members = JSONObject()
        members.set("samplingRate", sampling?.rate.map { .integer(Int64(clamping: $0)) })
        members.set("samplingMode", sampling?.mode.map(JSONValue.string))
        members.set("shadowLogged", sampling?.wasLogged.map { $0 ? "logged" : "dropped" })
        writer.write(members)
    }

    private mutating func text(_ name: StaticString, _ value: String) {
        writer.raw(name)
        writer.write(value)
    }

    private mutating func flag(_ name: StaticString, _ value: Bool) {
        writer.raw(name)
        writer.raw(value ? "\"true\"" : "\"false\"")
    }

    private mutating func quoted(_ name: StaticString, _ value: Int64) {
        writer.raw(name)
        writer.raw("\"")
        writer.write(integer: value)
        writer.raw("\"")
    }
}
