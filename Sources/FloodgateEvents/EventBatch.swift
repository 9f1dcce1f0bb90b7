// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// Events that one SDK sent in one request.
public struct EventBatch: Sendable, Hashable {
    /// The events in the order that they were sent in.
    public var events: [Event]
    /// What the SDK says about itself, such as `sdkType` and `sessionID`.
    public var statsigMetadata: JSONObject?
    /// Members that Floodgate does not know; kept as they came.
    public var additionalMembers: JSONObject

    /// Makes a batch.
    public init(
        events: [Event],
        statsigMetadata: JSONObject? = nil,
        additionalMembers: JSONObject = JSONObject()
    ) {
        self.events = events
        self.statsigMetadata = statsigMetadata
        self.additionalMembers = additionalMembers
    }

    /// The batch as canonical JSON, as the event log keeps it.
    public var bytes: [UInt8] {
        var writer = JSONWriter(capacity: 256 * (events.count + 1))
        writer.raw("{\"events\":[")
        var isFirst = true
        for event in events {
            if !isFirst { writer.raw(",") }
            isFirst = false
            writer.write(event.json)
        }
        writer.raw("]")
        if let statsigMetadata {
            writer.raw(",\"statsigMetadata\":")
            writer.write(statsigMetadata)
        }
        for member in additionalMembers where member.name != "events" && member.name != "statsigMetadata" {
            writer.raw(",")
            writer.write(member.name)
            writer.raw(":")
            writer.write(member.value)
        }
        writer.raw("}")
        return writer.bytes
    }
}
