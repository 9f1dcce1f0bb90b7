// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Writes the body of a `log_event` request straight to bytes, event by event, as Statsig's Rust core does.
///
/// `user` is, or writes, the user's JSON without private attributes.
package struct EventBatchWriter: ~Copyable, Sendable {
    private var writer: JSONWriter
    /// Events written since the last `finish`.
    package private(set) var count = 0

    /// Makes a writer whose buffer holds `capacity` bytes before it grows.
    package init(capacity: Int = 0) {
        writer = JSONWriter(capacity: capacity)
    }

    /// The part of an exposure in the body that is no other user's: what follows the user.
    package struct Ending: Sendable {
        fileprivate let head: StaticString
        fileprivate let range: Range<Int>
    }

    /// Bytes written since the last `finish`.
    package var sizeBytes: Int { writer.count }

    /// Appends a custom event; a `value` that is neither text nor number, nor nil, is up to the server to refuse.
    package mutating func append(
        event name: String,
        value: JSONValue? = nil,
        metadata: JSONObject? = nil,
        time: Int64,
        user: (inout JSONWriter) -> Void
    ) {
        separate()
        text("{\"eventName\":", name)
        writer.raw(",\"time\":")
        write(time, user)
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
    /// - Parameters:
    ///   - exposure: what to say of it.
    ///   - time: when it came about, in Unix milliseconds.
    ///   - user: writes the user.
    /// - Returns: what can be appended again to the same body for another user.
    @discardableResult
    package mutating func append(
        exposure: ExposureRecord,
        time: Int64,
        user: (inout JSONWriter) -> Void
    ) -> Ending {
        let head = Self.head(of: exposure.subject)
        begin(head, time, user)
        let start = writer.count
        switch exposure.subject {
        case .gate(let name, let value):
            writer.raw(",\"value\":null,\"metadata\":{\"gate\":")
            writer.write(name)
            flag(",\"gateValue\":", value)
        case .config(let name, let rulePassed):
            writer.raw(",\"value\":null,\"metadata\":{\"config\":")
            writer.write(name)
            flag(",\"rulePassed\":", rulePassed)
        case .layer(let name, let parameter, let allocatedExperiment, let isExplicit):
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
        return Ending(head: head, range: start..<writer.count)
    }

    /// Appends an exposure that differs from an earlier one of this body in user and time alone.
    package mutating func append(_ ending: Ending, time: Int64, user: (inout JSONWriter) -> Void) {
        begin(ending.head, time, user)
        writer.repeat(ending.range)
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

    /// Appends an exposure of a user whose JSON is there already; without any it is `{}`.
    package mutating func append(exposure: ExposureRecord, user: [UInt8], time: Int64) {
        append(exposure: exposure, time: time) { user.isEmpty ? $0.raw("{}") : $0.raw(user) }
    }

    /// Appends a custom event of such a user.
    package mutating func append(
        event name: String,
        value: JSONValue? = nil,
        metadata: JSONObject? = nil,
        user: [UInt8],
        time: Int64
    ) {
        append(event: name, value: value, metadata: metadata, time: time) {
            user.isEmpty ? $0.raw("{}") : $0.raw(user)
        }
    }

    private mutating func separate() {
        writer.raw(count == 0 ? "{\"events\":[" : ",")
        count += 1
    }

    private static func head(of subject: ExposureRecord.Subject) -> StaticString {
        switch subject {
        case .gate: "{\"eventName\":\"statsig::gate_exposure\",\"time\":"
        case .config: "{\"eventName\":\"statsig::config_exposure\",\"time\":"
        case .layer: "{\"eventName\":\"statsig::layer_exposure\",\"time\":"
        }
    }

    @inline(__always)
    private mutating func begin(_ head: StaticString, _ time: Int64, _ user: (inout JSONWriter) -> Void) {
        separate()
        writer.raw(head)
        write(time, user)
    }

    @inline(__always)
    private mutating func write(_ time: Int64, _ user: (inout JSONWriter) -> Void) {
        writer.write(integer: time)
        writer.raw(",\"user\":")
        user(&writer)
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
