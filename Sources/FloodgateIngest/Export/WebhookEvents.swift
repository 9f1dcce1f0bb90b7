// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvents
internal import FloodgateJSON
internal import FloodgateWarehouse

/// Makes events of logged batches as webhooks are sent them; for one task at a time.
final class WebhookEvents {
    /// An event, and its number in its batch.
    typealias Made = (number: Int, json: [UInt8])

    private let builder: BlockBuilder
    private let filter: EventFilter
    private var names: [String: String] = [:]

    /// Prepares for events that `filter` lets through.
    /// - Throws: `EventScannerError` if there is no memory.
    init(node: String, filter: EventFilter) throws(EventScannerError) {
        builder = try BlockBuilder(node: node)
        self.filter = filter
    }

    /// Has hashed names of gates and configs written out from now on.
    func rename(_ names: [String: String]) { self.names = names }

    /// The events of `batch` that are wanted, as JSON, with their numbers; one that is there twice once.
    /// - Throws: `EventLogError` with code `corrupt` if the batch is none, `EventScannerError` if there is no memory.
    func events(of batch: LoggedBatch) throws -> [Made] {
        let ids = try ids(of: batch)
        let content = try batch.unpack()
        var made: [Made] = []
        for (number, event) in content.events.enumerated() {
            guard let id = ids[number] else { continue }
            let event = renamed(event)
            guard filter.shows(event, environment: batch.environment, keyKind: batch.keyKind) else { continue }
            var writer = JSONWriter(capacity: 512)
            writer.write(Self.json(event, id, content.statsigMetadata, batch.environment))
            made.append((number, writer.bytes))
        }
        return made
    }

    /// The ids that the events have in the warehouse, by their numbers.
    private func ids(of batch: LoggedBatch) throws -> [Int: String] {
        builder.clear()
        defer { builder.clear() }
        try builder.add(batch)
        let block = builder.finish(id: "", day: ArrivalDay(of: batch.receivedAt), ledger: [])
        var ids: [Int: String] = [:]
        for rows in block.rows.values {
            for line in rows.split(separator: UInt8(ascii: "\n")) {
                guard let row = try? JSONValue(parsing: Array(line)).objectValue, let id = row.text("id"),
                    let number = row["number"]?.integerValue
                else { throw EventLogError(.corrupt, "Batch \(batch.id) cannot be made into rows") }
                ids[Int(clamping: number)] = id
            }
        }
        return ids
    }

    private func renamed(_ event: Event) -> Event {
        guard !names.isEmpty, event.isExposure, var metadata = event.metadata else { return event }
        for member in ["gate", "config", "allocatedExperiment"] {
            if let hash = metadata.text(member), let name = names[hash] { metadata.set(member, .string(name)) }
        }
        var event = event
        event.metadata = metadata
        return event
    }

    /// The event as receivers of Statsig's webhooks know it, and the environment.
    private static func json(
        _ event: Event,
        _ id: String,
        _ batchMetadata: JSONObject?,
        _ environment: String
    ) -> JSONObject {
        // What is said about one event counts more than what is said about all.
        var statsigMetadata = batchMetadata ?? JSONObject()
        for member in event.statsigMetadata ?? JSONObject() { statsigMetadata.set(member.name, member.value) }
        return [
            "eventName": .string(event.name),
            "user": .object(event.user ?? JSONObject()),
            "userID": event.user?["userID"] ?? .null,
            "timestamp": .integer(event.time),
            "value": event.value ?? .null,
            "metadata": .object(event.metadata ?? JSONObject()),
            "statsigMetadata": .object(statsigMetadata),
            "timeUUID": .string(id),
            "unitID": event.unitID.map(JSONValue.string) ?? .null,
            "environment": .string(environment),
        ]
    }
}

/// Events that are posted together.
struct WebhookParcel: Sendable {
    private var events: [UInt8] = []
    private(set) var count = 0
    /// Behind the last event of it; those in between were not wanted.
    var end: LogCursor
    /// When it was begun, in Unix milliseconds.
    let since: Int64
    /// Whether nothing is added any more.
    var isClosed = false
    /// How often it was refused.
    var refusals = 0
    /// Whether it was taken, or refused for good.
    var isSettled = false

    init(end: LogCursor, since: Int64) {
        self.end = end
        self.since = since
    }

    var isEmpty: Bool { count == 0 }
    /// Bytes of the events.
    var size: Int { events.count }
    /// What is posted.
    var body: [UInt8] { Array("{\"data\":[".utf8) + events + Array("]}".utf8) }

    /// Adds an event; `end` is behind it.
    mutating func add(_ json: [UInt8], end: LogCursor) {
        if count > 0 { events.append(UInt8(ascii: ",")) }
        events += json
        count += 1
        self.end = end
    }
}
