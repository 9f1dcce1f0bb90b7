// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// What a body held: the good events as a batch, the bad ones by place and reason.
package struct ReadEventBatch: Sendable, Hashable {
    /// The events that can be kept, with what belongs to all of them.
    package var batch: EventBatch
    /// The events that cannot, in the order that they were sent in.
    package var rejected: [RejectedEvent]
}

/// Reads the bodies of `log_event` and `rgstr` as any SDK writes them; `null` is the same as absent everywhere.
///
/// Private attributes, which no SDK should send, and SDK keys inside diagnostics never come through.
package struct EventBatchReader: Sendable {
    /// Arrays and objects inside each other that a body may have.
    package var depth: Int = 64
    /// Bytes that a body may have.
    package var sizeBytes: Int = 64 << 20
    /// Values that a body may have, so that `[0,0,0,…` cannot become a hundred times its size in memory.
    package var valueCount: Int = 2_000_000

    /// Makes a reader with the defaults above.
    package init() {}

    /// Reads `body`, taking `receivedAt` (Unix milliseconds) for events that have no time.
    /// - Throws: `EventBatchError` if there is no list of events; what is wrong with single events is in the result.
    package func read(_ body: [UInt8], receivedAt: Int64) throws(EventBatchError) -> ReadEventBatch {
        guard Self.punctuation(in: body) <= valueCount else {
            throw EventBatchError(.tooManyValues, "The body has more than \(valueCount) values; send fewer at a time")
        }
        let value: JSONValue
        do {
            var limits = JSONLimits(depth: depth, sizeBytes: sizeBytes)
            // A browser that cuts a text in the middle of an emoji must not lose its events for that.
            limits.replacesLoneSurrogates = true
            value = try JSONValue(parsing: body, limits: limits)
        } catch {
            throw EventBatchError(.notJSON, "The body is not JSON: \(error.description)", cause: error)
        }
        guard case .object(var members) = value else {
            throw EventBatchError(.notAnObject, "The body is not a JSON object; send {\"events\":[…]}")
        }
        guard case .array(let items)? = members.remove("events") else {
            throw EventBatchError(.noEvents, "The body has no list \"events\"; send {\"events\":[…]}")
        }
        var defaultUser = members.remove("user")?.objectValue
        defaultUser?["privateAttributes"] = nil
        let statsigMetadata = members.remove("statsigMetadata")?.objectValue.map(KeyRedaction.redacted)

        var events: [Event] = []
        events.reserveCapacity(items.count)
        var rejected: [RejectedEvent] = []
        for (index, item) in items.enumerated() {
            do {
                events.append(try Self.event(item, defaultUser: defaultUser, receivedAt: receivedAt))
            } catch {
                rejected.append(RejectedEvent(index: index, code: error.code))
            }
        }
        let batch = EventBatch(events: events, statsigMetadata: statsigMetadata, additionalMembers: members)
        return ReadEventBatch(batch: batch, rejected: rejected)
    }

    private struct Refusal: Error {
        var code: RejectedEvent.Code
    }

    private static func event(
        _ item: JSONValue,
        defaultUser: JSONObject?,
        receivedAt: Int64
    ) throws(Refusal) -> Event {
        guard case .object(var members) = item else { throw Refusal(code: .notAnObject) }
        guard let nameValue = take("eventName", from: &members) else { throw Refusal(code: .missingName) }
        guard case .string(let name) = nameValue, !name.isEmpty else { throw Refusal(code: .invalidName) }

        var event = Event(name: name, time: receivedAt)
        if let time = take("time", from: &members) {
            guard let time = EventTime.milliseconds(time, receivedAt: receivedAt) else {
                throw Refusal(code: .invalidTime)
            }
            event.time = time
        }
        event.user = try object("user", from: &members, else: .invalidUser) ?? defaultUser
        event.user?["privateAttributes"] = nil
        if let value = take("value", from: &members) {
            switch value {
            case .string, .number, .bool: event.value = value
            case .null, .array, .object: throw Refusal(code: .invalidValue)
            }
        }
        event.metadata = try object("metadata", from: &members, else: .invalidMetadata)
        event.statsigMetadata = try object("statsigMetadata", from: &members, else: .invalidStatsigMetadata)
        if let list = take("secondaryExposures", from: &members) {
            guard case .array(let items) = list else { throw Refusal(code: .invalidSecondaryExposures) }
            event.secondaryExposures.reserveCapacity(items.count)
            for item in items {
                guard case .object(let exposure) = item else { throw Refusal(code: .invalidSecondaryExposures) }
                event.secondaryExposures.append(exposure)
            }
        }
        event.additionalMembers = members
        if name == InternalEventName.diagnostics { KeyRedaction.redact(&event) }
        return event
    }

    /// Takes `name` out of `members`, where null counts as absent.
    private static func take(_ name: String, from members: inout JSONObject) -> JSONValue? {
        guard let value = members.remove(name), !value.isNull else { return nil }
        return value
    }

    private static func object(
        _ name: String,
        from members: inout JSONObject,
        else code: RejectedEvent.Code
    ) throws(Refusal) -> JSONObject? {
        guard let value = take(name, from: &members) else { return nil }
        guard case .object(let object) = value else { throw Refusal(code: code) }
        return object
    }

    /// How many commas and openings there are: never fewer than values, less one; those inside texts count too.
    private static func punctuation(in body: [UInt8]) -> Int {
        body.withUnsafeBufferPointer { bytes in
            var count = 0
            for byte in bytes {
                let counts =
                    byte == UInt8(ascii: ",") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{")
                count &+= counts ? 1 : 0
            }
            return count
        }
    }
}
