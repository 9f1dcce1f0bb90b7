// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents
internal import FloodgateJSON

/// Turns queued events into the body of one request.
struct EventEncoder: ~Copyable {
    private var writer: EventBatchWriter
    private var endings = ExposureEndings()

    /// Makes an encoder whose buffer holds `capacity` bytes before it grows.
    init(capacity: Int) { writer = EventBatchWriter(capacity: capacity) }

    /// Appends `events`.
    mutating func append(_ events: [QueuedEvent]) {
        // What is written again is found by where answers lie, and these do not outlast their events.
        endings.removeAll()
        events.withUnsafeBufferPointer { events in
            for index in events.indices { append(events[index]) }
        }
    }

    private mutating func append(_ event: QueuedEvent) {
        let (time, user, context) = (event.time, event.user, event.context)
        switch event.content {
        case .ready(let exposure):
            if let ending = endings.find(exposure, in: context) {
                return writer.append(ending, time: time) { $0.write(user, in: context) }
            }
            guard let record = ExposureRecord(exposure, in: context) else { return }
            let ending = writer.append(exposure: record, time: time) { $0.write(user, in: context) }
            endings.insert(ending, of: exposure)
        case .exposure(let exposure):
            writer.append(exposure: ExposureRecord(exposure), time: time) { $0.write(user, in: context) }
        case .custom(let name, let value, let metadata):
            let members = metadata.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
            let metadata = members.isEmpty ? nil : JSONObject(members)
            writer.append(event: name, value: value, metadata: metadata, time: time) { $0.write(user, in: context) }
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
    /// What a ready answer says; nil if there is none to the context, which cannot be.
    fileprivate init?(_ exposure: ReadyExposure, in context: EventContext) {
        guard let details = context.details else { return nil }
        let evaluation = Evaluation(ready: exposure.answer, details)
        let kind: QueuedExposure.Kind = exposure.isGate ? .gate : .config
        self.init(QueuedExposure(name: exposure.name, kind: kind, evaluation: evaluation, isManual: false))
    }

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
