// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// One thing that happened: a custom event of the application, an exposure, or a note of the SDK to itself.
public struct Event: Sendable, Hashable {
    /// What happened; names that begin with `statsig::` are the SDK's own.
    public var name: String
    /// When it happened by the client's clock, in Unix milliseconds.
    public var time: Int64
    /// To whom, without private attributes; nil if to nobody in particular.
    public var user: JSONObject?
    /// A text, number or boolean that belongs to the event, such as a price.
    public var value: JSONValue?
    /// Whatever else the application wants to know about the event.
    public var metadata: JSONObject?
    /// What the SDK adds, such as the rate that it sampled at.
    public var statsigMetadata: JSONObject?
    /// Gates that were asked on the way to an exposure, in order, with duplicates.
    public var secondaryExposures: [JSONObject]
    /// Members that Floodgate does not know; kept as they came.
    public var additionalMembers: JSONObject

    /// Makes an event.
    public init(
        name: String,
        time: Int64,
        user: JSONObject? = nil,
        value: JSONValue? = nil,
        metadata: JSONObject? = nil,
        statsigMetadata: JSONObject? = nil,
        secondaryExposures: [JSONObject] = [],
        additionalMembers: JSONObject = JSONObject()
    ) {
        self.name = name
        self.time = time
        self.user = user
        self.value = value
        self.metadata = metadata
        self.statsigMetadata = statsigMetadata
        self.secondaryExposures = secondaryExposures
        self.additionalMembers = additionalMembers
    }

    /// Whether the event is the SDK's own: an exposure, diagnostics, or a count of checks without exposure.
    public var isInternal: Bool { name.hasPrefix("statsig::") }
}

/// The names of the events that SDKs make themselves.
package enum InternalEventName {
    package static let gateExposure = "statsig::gate_exposure"
    package static let configExposure = "statsig::config_exposure"
    package static let layerExposure = "statsig::layer_exposure"
    package static let diagnostics = "statsig::diagnostics"
    package static let nonExposedChecks = "statsig::non_exposed_checks"
}

extension Event {
    /// The event as it stands in a batch; what is absent is left out.
    public var json: JSONObject {
        var object = JSONObject()
        object["eventName"] = .string(name)
        object["time"] = .integer(time)
        object.set("user", user.map(JSONValue.object))
        object.set("value", value)
        object.set("metadata", metadata.map(JSONValue.object))
        object.set("statsigMetadata", statsigMetadata.map(JSONValue.object))
        if !secondaryExposures.isEmpty {
            object["secondaryExposures"] = .array(secondaryExposures.map(JSONValue.object))
        }
        for member in additionalMembers where object[member.name] == nil { object[member.name] = member.value }
        return object
    }
}
