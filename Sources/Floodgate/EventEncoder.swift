// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents
internal import FloodgateJSON

/// Turns queued events into the body of one request.
struct EventEncoder: ~Copyable {
    private var writer = EventBatchWriter()
    private var user = JSONWriter(capacity: 256)

    /// Appends `event`.
    mutating func append(_ event: QueuedEvent) {
        user.removeAll()
        user.write(event.user, in: event.context)
        switch event.content {
        case .exposure(let exposure):
            writer.append(exposure: ExposureRecord(exposure), user: user.bytes, time: event.time)
        case .custom(let name, let value, let metadata):
            let members = metadata.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
            writer.append(
                event: name,
                value: value,
                metadata: members.isEmpty ? nil : JSONObject(members),
                user: user.bytes,
                time: event.time
            )
        }
    }

    /// Appends the counts of checks without exposure.
    mutating func append(nonExposedChecks checks: [String: Int], time: Int64) {
        let members = JSONObject(checks.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.integer($0.value)) })
        writer.append(
            event: InternalEventName.nonExposedChecks,
            metadata: ["checks": .string(JSONValue.object(members).text)],
            user: [],
            time: time
        )
    }

    /// How many events were appended.
    var count: Int { writer.count }

    /// The body, with what the client says about itself.
    mutating func finish(_ statsigMetadata: JSONObject) -> [UInt8] { writer.finish(statsigMetadata: statsigMetadata) }
}

extension ExposureRecord {
    fileprivate init(_ exposure: QueuedExposure) {
        let details = exposure.evaluation.details
        self.init(
            exposure.subject,
            ruleID: exposure.ruleID,
            reason: details.usedIDList ? details.reason.wireName + ":IdListInMemory" : details.reason.wireName,
            lastConfigUpdate: details.time,
            receivedAt: details.receivedAt,
            configVersion: exposure.evaluation.version,
            overrideConfigName: exposure.evaluation.logging.overrideConfigName,
            isManual: exposure.isManual,
            sampling: exposure.draw?.sampling,
            secondaryExposures: exposure.secondaryExposures.lazy
                .filter { !$0.gate.hasPrefix("segment:") }
                .map { Secondary(gate: $0.gate, value: $0.value, ruleID: $0.ruleID) }
        )
    }
}

extension JSONWriter {
    /// Appends a user as events carry it (see `FloodgateUser.wireObject`), without building the object.
    fileprivate mutating func write(_ user: FloodgateUser, in context: EventContext) {
        guard context.globalCustomFields.isEmpty else {
            let object = user.wireObject(
                environment: context.environment,
                globalCustomFields: context.globalCustomFields
            )
            write(object)
            return
        }
        raw("{")
        var isFirst = true
        member("\"userID\":", user.userID, &isFirst)
        member("\"customIDs\":", user.customIDs, &isFirst)
        member("\"email\":", user.email, &isFirst)
        member("\"ip\":", user.ip, &isFirst)
        member("\"userAgent\":", user.userAgent, &isFirst)
        member("\"country\":", user.country, &isFirst)
        member("\"locale\":", user.locale, &isFirst)
        member("\"appVersion\":", user.appVersion, &isFirst)
        member("\"custom\":", user.custom, &isFirst)
        if let environment = user.statsigEnvironment ?? context.environment {
            member("\"statsigEnvironment\":", environment, &isFirst)
        }
        raw("}")
    }

    private mutating func member(_ name: StaticString, _ value: JSONValue?, _ isFirst: inout Bool) {
        guard let value else { return }
        begin(name, &isFirst)
        write(value)
    }

    private mutating func member(_ name: StaticString, _ object: JSONObject, _ isFirst: inout Bool) {
        guard !object.isEmpty else { return }
        begin(name, &isFirst)
        write(object)
    }

    private mutating func begin(_ name: StaticString, _ isFirst: inout Bool) {
        if !isFirst { raw(",") }
        isFirst = false
        raw(name)
    }
}
