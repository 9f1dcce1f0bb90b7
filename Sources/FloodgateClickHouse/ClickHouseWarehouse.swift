// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON
package import FloodgateWarehouse
import NIOCore
import Synchronization

/// `Warehouse` on a ClickHouse server or cluster, over HTTP.
package final class ClickHouseWarehouse: Warehouse {
    /// How patient it is; each default suits production.
    package struct Patience: Sendable {
        /// With a block's rows of one table.
        package var insert: Duration = .seconds(120)
        /// With questions of its own.
        package var housekeeping: Duration = .seconds(30)
        /// With the removal of rows, which rewrites files.
        package var removal: Duration = .seconds(600)

        /// Makes the defaults above.
        package init() {}
    }

    let address: ClickHouseAddress
    let tables: ClickHouseTables
    let client: ClickHouseClient
    let patience: Patience
    /// Told what could not be done and can wait.
    let warn: @Sendable (String) -> Void
    private let gate = QueryGate()
    let preparation = SharedPreparation()
    private let knownDialect = Mutex<ClickHouseDialect?>(nil)

    /// Speaks to the servers at this address, which is not asked before it is used.
    ///
    /// - Parameters:
    ///   - address: The server or the cluster.
    ///   - patience: How long to wait for what.
    ///   - warn: Told what could not be done and can wait, such as giving old tables what new ones have.
    package init(
        _ address: ClickHouseAddress,
        patience: Patience = Patience(),
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.address = address
        self.patience = patience
        self.warn = warn
        tables = ClickHouseTables(address: address)
        client = ClickHouseClient(address)
    }

    package var engine: String { "clickhouse" }
    package var form: RowForm { .packed }

    package func query(_ sql: String, limits: QueryLimits) async throws(WarehouseError) -> [JSONObject] {
        let seconds = max(1, limits.time.components.seconds + (limits.time.components.attoseconds > 0 ? 1 : 0))
        var settings = Self.answerSettings
        settings += [
            ("max_execution_time", String(seconds)), ("max_memory_usage", String(limits.memoryBytes)),
            ("max_result_rows", String(limits.resultRows)), ("result_overflow_mode", "throw"),
            ("max_rows_to_read", "5000000000"), ("read_overflow_mode", "throw"),
        ]
        // A reader's profile says it by itself, and must not be told.
        if address.reader == nil { settings.append(("readonly", "2")) }
        let request = ClickHouseClient.Request(
            sql: sql,
            settings: settings,
            user: address.reader ?? address.user,
            work: .question,
            time: .seconds(seconds + 5),
            limit: 512 << 20
        )
        try await gate.enter()
        do throws(WarehouseError) {
            let answer = try await client.send(request)
            await gate.leave()
            return try Self.objects(answer)
        } catch {
            await gate.leave()
            throw error
        }
    }

    package func relation(_ table: WarehouseTable) -> String { relation(table, where: nil) }

    /// The rows of `table` for which `condition` holds, each event once.
    ///
    /// Much cheaper than the same condition behind `relation(_:)`, since the table's order serves it. It may be about what is
    /// equal wherever an event is there twice: not about times, position and number.
    package func relation(_ table: WarehouseTable, where condition: String?) -> String {
        let names = table.columns.map(\.name).filter { $0 != "id" && $0 != "environment" }
        let outer = names.map { "first_\($0) AS \($0)" }.joined(separator: ", ")
        let inner = names.map { "argMin(\($0), received_at) AS first_\($0)" }.joined(separator: ", ")
        let filter = condition.map { " WHERE \($0)" } ?? ""
        return "(SELECT id, environment, \(outer) FROM (SELECT id, environment, \(inner) "
            + "FROM \(tables.name(table.rawValue))\(filter) GROUP BY environment, id))"
    }

    package func status() async throws(WarehouseError) -> WarehouseStatus {
        let names = WarehouseTable.allCases.map(\.rawValue) + [ClickHouseTables.blocks]
        let found = try await rows(
            "SELECT table, toUInt16(toDate(partition)) AS day, hostName() AS host, sum(rows) AS row_count, "
                + "sum(bytes_on_disk) AS stored, count() AS parts FROM \(tables.system("parts")) WHERE active = 1 "
                + "AND database = \(SQLText.literal(address.database)) AND table IN (\(tables.localNames(names))) "
                + "GROUP BY table, day, host"
        )
        var status = WarehouseStatus()
        for row in found {
            status.storedBytes &+= row["stored"]?.integerValue ?? 0
            // What the server minds is how many parts a day has, not how many there are.
            status.parts = max(status.parts, Int(clamping: row["parts"]?.integerValue ?? 0))
            guard let name = row.text("table"), let day = row["day"]?.integerValue,
                let table = WarehouseTable.allCases.first(where: { tables.localName($0.rawValue) == tables.name(name) })
            else { continue }
            status.rows[table, default: 0] &+= row["row_count"]?.integerValue ?? 0
            let arrival = ArrivalDay(number: Int32(clamping: day))
            status.days =
                min(status.days?.lowerBound ?? arrival, arrival)...max(status.days?.upperBound ?? arrival, arrival)
        }
        return status
    }

    package func shutdown() async { await client.shutdown() }

    // MARK: For the other files

    /// What the server speaks, asked once.
    func dialect() async throws(WarehouseError) -> ClickHouseDialect {
        if let known = knownDialect.withLock({ $0 }) { return known }
        guard let version = try await rows("SELECT version() AS version").first?.text("version") else {
            throw WarehouseError(.failed, "The server does not say its version; is it ClickHouse?")
        }
        let dialect = ClickHouseDialect(version: version)
        knownDialect.withLock { $0 = dialect }
        return dialect
    }

    /// Asks a question of our own.
    func rows(_ sql: String, settings: [(String, String)] = []) async throws(WarehouseError) -> [JSONObject] {
        let request = ClickHouseClient.Request(
            sql: sql,
            settings: Self.answerSettings + settings,
            user: address.user,
            time: patience.housekeeping,
            limit: 512 << 20
        )
        return try Self.objects(try await client.send(request))
    }

    /// Changes something, in a cluster everywhere: replicas that are away hear of it when they are back.
    func change(_ sql: String, waitingForAll seconds: Int = 25) async throws(WarehouseError) {
        var settings: [(String, String)] = []
        if address.cluster != nil { settings.append(("distributed_ddl_task_timeout", String(seconds))) }
        _ = try await client.send(
            ClickHouseClient.Request(sql: sql, settings: settings, user: address.user, time: patience.housekeeping)
        )
    }

    /// A whole answer or an error, never a half of one and then the other; numbers as numbers.
    private static let answerSettings = [
        ("default_format", "JSONEachRow"), ("wait_end_of_query", "1"), ("buffer_size", "1048576"),
        ("output_format_json_quote_64bit_integers", "0"), ("output_format_json_quote_denormals", "0"),
    ]

    private static func objects(_ answer: ByteBuffer) throws(WarehouseError) -> [JSONObject] {
        var objects: [JSONObject] = []
        for line in answer.readableBytesView.split(separator: 0x0A) {
            guard let object = try? JSONValue(parsing: Array(line)).objectValue else {
                throw WarehouseError(
                    .failed,
                    "ClickHouse answers with something that is not JSON; is there a proxy between?"
                )
            }
            objects.append(object)
        }
        return objects
    }
}
