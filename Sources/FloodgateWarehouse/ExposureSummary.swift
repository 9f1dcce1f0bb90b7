// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// What arrived of late: exposures by what was evaluated, rule and value, and events by name.
package struct ExposureSummary: Sendable, Hashable {
    /// Exposures of one entity, rule and value.
    package struct Line: Sendable, Hashable {
        /// gate, config or layer.
        package var kind: String
        package var name: String
        package var rule: String
        /// Of a gate; of a layer the parameter.
        package var value: String
        package var count: Int64
        /// Different user IDs among them.
        package var units: Int64
        /// Whether the project has an entity of that name.
        package var isKnown: Bool
    }

    /// Events of one name.
    package struct EventLine: Sendable, Hashable {
        package var name: String
        package var count: Int64
    }

    /// Most first, a thousand at most.
    package var exposures: [Line] = []
    /// Most first, a thousand at most.
    package var events: [EventLine] = []

    /// Asks `warehouse` what arrived in `environment` since a time in Unix milliseconds.
    ///
    /// - Parameters:
    ///   - environment: The environment.
    ///   - start: Unix milliseconds.
    ///   - warehouse: Where.
    ///   - names: What the project has, also as client SDKs know it.
    /// - Throws: What the warehouse throws; `.rejected` if there cannot be an environment of that name.
    package init(
        of environment: String,
        since start: Int64,
        in warehouse: any Warehouse,
        names: Set<String>
    ) async throws(WarehouseError) {
        // Plain enough to stand in any engine's quotes.
        let isPlain = environment.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x27 && $0 != 0x5C }
        guard isPlain else { throw WarehouseError(.rejected, "There is no environment '\(environment)'") }
        let condition = "environment = '\(environment)' AND received_at >= \(start)"
        let exposures = try await warehouse.query(
            """
            SELECT kind, name, rule_id, CASE WHEN kind = 'layer' THEN parameter ELSE value END AS answer, \
            count(*) AS n, count(DISTINCT user_id) AS units FROM \(warehouse.relation(.exposures)) AS e \
            WHERE \(condition) GROUP BY kind, name, rule_id, answer ORDER BY n DESC, kind, name, rule_id, answer LIMIT 1000
            """,
            limits: QueryLimits()
        )
        self.exposures = exposures.map { row in
            let name = row["name"]?.stringValue ?? ""
            return Line(
                kind: row["kind"]?.stringValue ?? "",
                name: name,
                rule: row["rule_id"]?.stringValue ?? "",
                value: row["answer"]?.stringValue ?? "",
                count: Self.number(row["n"]),
                units: Self.number(row["units"]),
                isKnown: names.contains(name)
            )
        }
        let events = try await warehouse.query(
            """
            SELECT name, count(*) AS n FROM \(warehouse.relation(.events)) AS e WHERE \(condition) \
            GROUP BY name ORDER BY n DESC, name LIMIT 1000
            """,
            limits: QueryLimits()
        )
        self.events = events.map { EventLine(name: $0["name"]?.stringValue ?? "", count: Self.number($0["n"])) }
    }

    /// A whole number, which some engines write as a text.
    private static func number(_ value: JSONValue?) -> Int64 {
        value?.integerValue ?? value?.stringValue.flatMap { Int64($0) } ?? 0
    }

    /// The summary for programs.
    package var json: JSONObject {
        [
            "exposures": .array(
                exposures.map { line in
                    [
                        "kind": .string(line.kind), "name": .string(line.name), "rule": .string(line.rule),
                        "value": .string(line.value), "count": .integer(line.count), "units": .integer(line.units),
                        "known": .bool(line.isKnown),
                    ]
                }
            ),
            "events": .array(events.map { ["name": .string($0.name), "count": .integer($0.count)] }),
        ]
    }
}
