// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents
internal import FloodgateJSON

/// What the client adds to every user in events; shared by all events that were logged under one document.
final class EventContext: Sendable {
    let environment: JSONObject?
    let globalCustomFields: JSONObject

    init(environment: JSONObject?, globalCustomFields: JSONObject) {
        self.environment = environment
        self.globalCustomFields = globalCustomFields
    }
}

/// An event as the caller leaves it: values only, turned into JSON when its batch is sent.
struct QueuedEvent: Sendable {
    enum Content: Sendable {
        case exposure(QueuedExposure)
        case custom(name: String, value: JSONValue?, metadata: [String: String])
    }

    /// When it happened, in Unix milliseconds.
    var time: Int64
    var user: FloodgateUser
    var context: EventContext
    var content: Content
}

/// What an exposure says, before its texts are put together.
struct QueuedExposure: Sendable {
    var subject: ExposureRecord.Subject
    var ruleID: String
    var details: EvaluationDetails
    var version: UInt32?
    var overrideConfigName: String?
    var secondaryExposures: [SecondaryExposure]
    var isManual: Bool
}

extension QueuedEvent {
    /// Roughly how many bytes the event takes while it waits.
    var sizeEstimate: Int {
        var size = 512 + user.sizeEstimate
        switch content {
        case .exposure(let exposure): size += 96 * exposure.secondaryExposures.count
        case .custom(let name, let value, let metadata):
            size += name.utf8.count + (value?.sizeEstimate ?? 0)
            for (name, value) in metadata { size += 32 + name.utf8.count + value.utf8.count }
        }
        return size
    }
}

extension FloodgateUser {
    fileprivate var sizeEstimate: Int {
        var size = (userID?.sizeEstimate ?? 0) + (email?.sizeEstimate ?? 0) + (ip?.sizeEstimate ?? 0)
        size += (userAgent?.sizeEstimate ?? 0) + (country?.sizeEstimate ?? 0) + (locale?.sizeEstimate ?? 0)
        size += appVersion?.sizeEstimate ?? 0
        if !customIDs.isEmpty { size += customIDs.sizeEstimate }
        if !custom.isEmpty { size += custom.sizeEstimate }
        if !privateAttributes.isEmpty { size += privateAttributes.sizeEstimate }
        return size
    }
}

extension JSONObject {
    fileprivate var sizeEstimate: Int { reduce(0) { $0 + 48 + $1.name.utf8.count + $1.value.sizeEstimate } }
}

extension JSONValue {
    fileprivate var sizeEstimate: Int {
        switch self {
        case .null, .bool, .number: 16
        case .string(let text): 16 + text.utf8.count
        case .array(let items): items.reduce(16) { $0 + $1.sizeEstimate }
        case .object(let object): object.sizeEstimate
        }
    }
}
