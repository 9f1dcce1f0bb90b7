// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvents
package import FloodgateJSON
package import FloodgateWarehouse

/// The events that could not be loaded: to look at, to send again, and to forget after a while.
package struct DeadLetters: Sendable {
    /// Which of them.
    package struct Filter: Sendable, Hashable {
        /// Nil is every environment.
        package var environment: String?
        /// Nil is every reason.
        package var reason: String?
        /// Unix milliseconds; only those that arrived at it or later.
        package var since: Int64 = 0
        /// At most so many, the oldest first.
        package var limit = 1_000
        /// Only those behind it; nil is from the beginning.
        package var place: Place?

        /// Makes a filter that lets all through, 1,000 at a time.
        package init() {}
    }

    /// Where a dead letter stands among all: no two stand at the same place.
    package struct Place: Sendable, Hashable, CustomStringConvertible {
        /// The columns that letters are in order by.
        static let columns = ["received_at", "position", "number", "node"]

        private let numbers: [Int64]
        private let node: String

        /// Reads what `description` gives; nil if it is no place.
        package init?(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
            numbers = parts.prefix(3).compactMap { Int64($0) }
            guard parts.count == 4, numbers.count == 3, parts[3].utf8.allSatisfy(DeadLetters.isPlain) else {
                return nil
            }
            node = String(parts[3])
        }

        /// The place of a row.
        fileprivate init?(_ row: JSONObject) {
            let numbers = Self.columns.dropLast().map { name in
                // Some engines give whole numbers as texts.
                (row[name]?.integerValue ?? row.text(name).flatMap { Int64($0) }).map { String($0) } ?? ""
            }
            self.init((numbers + [row.text("node") ?? ""]).joined(separator: ":"))
        }

        package var description: String { (numbers.map { String($0) } + [node]).joined(separator: ":") }

        /// True for what is behind it.
        fileprivate var condition: String {
            let values = numbers.map { String($0) } + ["'\(node)'"]
            var condition = ""
            for (column, value) in zip(Self.columns, values).reversed() {
                condition =
                    condition.isEmpty
                    ? "\(column) > \(value)"
                    : "(\(column) > \(value) OR (\(column) = \(value) AND \(condition)))"
            }
            return condition
        }
    }

    /// What became of dead letters that were sent again.
    package struct Replay: Sendable, Hashable {
        /// Events that are in the log again.
        package var replayed: Int
        /// Batches that they are in.
        package var batches: Int
        /// Dead letters that are no event that can be read.
        package var unreadable: Int
        /// Behind which there may be more that the filter's limit kept out; nil if there are none.
        package var next: Place?

        package init(replayed: Int = 0, batches: Int = 0, unreadable: Int = 0, next: Place? = nil) {
            self.replayed = replayed
            self.batches = batches
            self.unreadable = unreadable
            self.next = next
        }
    }

    /// How long they are kept: 30 days.
    package static let keptDays: Int32 = 30

    private let warehouse: any Warehouse

    package init(in warehouse: any Warehouse) { self.warehouse = warehouse }

    /// The rows that `filter` lets through.
    /// - Throws: `.rejected` if the filter has a name that is none; what the warehouse throws.
    package func list(_ filter: Filter) async throws(WarehouseError) -> [JSONObject] {
        var conditions = ["received_at >= \(filter.since)"]
        for (column, name) in [("environment", filter.environment), ("reason", filter.reason)] {
            guard let name else { continue }
            // Plain enough to stand in any engine's quotes.
            guard name.utf8.allSatisfy(Self.isPlain) else {
                throw WarehouseError(.rejected, "'\(name)' is not the name of an environment or reason")
            }
            conditions.append("\(column) = '\(name)'")
        }
        if let place = filter.place { conditions.append(place.condition) }
        let columns = WarehouseTable.deadLetters.columns.map(\.name).joined(separator: ", ")
        let sql = """
            SELECT \(columns) FROM \(warehouse.relation(.deadLetters)) WHERE \(conditions.joined(separator: " AND ")) \
            ORDER BY \(Place.columns.joined(separator: ", ")) LIMIT \(max(0, filter.limit))
            """
        return try await warehouse.query(sql, limits: QueryLimits())
    }

    /// How many there are by reason.
    package func counts() async throws(WarehouseError) -> [String: Int64] {
        let sql = "SELECT reason, count(*) AS n FROM \(warehouse.relation(.deadLetters)) GROUP BY reason"
        let rows = try await warehouse.query(sql, limits: QueryLimits())
        return rows.reduce(into: [:]) { $0[$1.text("reason") ?? ""] = $1["n"]?.integerValue }
    }

    /// Puts the events into `log` again, where they are accepted once more; doing so twice counts them once.
    ///
    /// - Parameters:
    ///   - filter: Which.
    ///   - log: Where to.
    /// - Returns: How many.
    /// - Throws: What the warehouse and the log throw; events that were appended till then stay.
    package func replay(_ filter: Filter, into log: any EventLog) async throws -> Replay {
        struct Origin: Hashable { var environment: String, keyKind: String, receivedAt: Int64 }
        var replay = Replay()
        let rows = try await list(filter)
        if rows.count >= filter.limit { replay.next = rows.last.flatMap { Place($0) } }
        var events: [Origin: [Event]] = [:]
        var order: [Origin] = []
        for row in rows {
            let received = row["received_at"]?.integerValue ?? 0
            guard let event = Self.event(row, received) else {
                replay.unreadable += 1
                continue
            }
            let origin = Origin(
                environment: row.text("environment") ?? "",
                keyKind: row.text("key_kind") ?? "",
                receivedAt: received
            )
            if events[origin] == nil { order.append(origin) }
            events[origin, default: []].append(event)
        }
        for origin in order {
            let batch = try LoggedBatch(
                packing: EventBatch(events: events[origin] ?? []),
                receivedAt: origin.receivedAt,
                environment: origin.environment,
                keyKind: origin.keyKind
            )
            _ = try await log.append(batch)
            replay.batches += 1
            replay.replayed += batch.eventCount
        }
        return replay
    }

    /// Removes those that arrived more than 30 days before `today`.
    /// - Returns: How many days were removed.
    @discardableResult
    package func expire(on today: ArrivalDay) async throws(WarehouseError) -> Int {
        let first = ArrivalDay(number: today.number &- Self.keptDays)
        return try await warehouse.removeDays(before: first, of: .deadLetters)
    }

    /// The event of a dead letter, with an id that is always the same.
    private static func event(_ row: JSONObject, _ received: Int64) -> Event? {
        guard let text = row.text("event"), var object = try? JSONValue(parsing: Array(text.utf8)).objectValue
        else { return nil }
        if object["id"] == nil, let id = row.text("id") { object.set("id", .string("dead-" + id)) }
        var writer = JSONWriter()
        writer.write(.object(["events": [.object(object)]]))
        var reader = EventBatchReader()
        reader.depth = LoggedBatch.depth
        return try? reader.read(writer.bytes, receivedAt: received).batch.events.first
    }

    fileprivate static func isPlain(_ byte: UInt8) -> Bool {
        (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "'") && byte != UInt8(ascii: "\\")
    }
}
