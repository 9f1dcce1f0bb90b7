// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Where exposures and events lie for analysis; every adapter passes `checkWarehouse`.
package protocol Warehouse: Sendable {
    /// The engine in one word, `duckdb` or `clickhouse`, for messages and metrics.
    var engine: String { get }

    /// The form that costs the engine least; it takes blocks in the other one too.
    var form: RowForm { get }

    /// Finds the engine and makes the tables that are not there.
    ///
    /// May be called again after a failure.
    /// - Throws: `.unavailable` if the engine cannot be reached or started, `.failed` if it does not do what it should.
    func prepare() async throws(WarehouseError)

    /// Keeps the rows and the ledger of `block`; on return they are durable and seen by questions.
    ///
    /// A block whose id is known already is left as it is, so that one whose answer was lost can be loaded again. Who asks
    /// while it is being loaded may see a part of it.
    /// - Returns: Whether the block is new.
    /// - Throws: `.unavailable` if loading the same block again may help; `.rejected` if the engine will never take one of
    ///   its rows, so that the block must be cut in two.
    @discardableResult
    func load(_ block: EventBlock) async throws(WarehouseError) -> Bool

    /// What was loaded, by block, segment, environment and minute of arrival, from `start` on (Unix milliseconds).
    ///
    /// - Parameters:
    ///   - start: Minutes that begin before it are left out; 0 is all.
    ///   - node: Only what that node accepted; nil is all.
    /// - Returns: The entries in no order; several may be about the same segment, environment and minute.
    /// - Throws: `.unavailable` if the engine does not answer.
    func ledger(since start: Int64, node: String?) async throws(WarehouseError) -> [LedgerEntry]

    /// Asks one question; each row is an object with a member for each column, numbers as JSON numbers.
    ///
    /// Decimals and whole numbers beyond 64 bits may come as texts, so sums are cast. What is no number is null.
    /// A statement that changes anything is refused.
    /// - Throws: `.rejected` if the engine does not understand the statement, `.limit` if the answer is over `limits`.
    func query(_ sql: String, limits: QueryLimits) async throws(WarehouseError) -> [JSONObject]

    /// What the engine calls the rows of `table`, to stand behind FROM: each event once, however often it was loaded.
    func relation(_ table: WarehouseTable) -> String

    /// Removes all rows of `table` that arrived before `day`; blocks stay known and the ledger stays.
    /// - Returns: How many days were removed.
    @discardableResult
    func removeDays(before day: ArrivalDay, of table: WarehouseTable) async throws(WarehouseError) -> Int

    /// Removes every row about the unit whose user ID is `userID`, or that has a custom ID of that text.
    /// - Returns: How many rows were removed, if the engine tells.
    @discardableResult
    func forget(_ userID: String, environment: String) async throws(WarehouseError) -> Int?

    /// What there is, for operators.
    func status() async throws(WarehouseError) -> WarehouseStatus

    /// Lets go of processes and connections.
    func shutdown() async
}

extension Warehouse {
    package var form: RowForm { .lines }
}

/// How much one question may cost; the defaults are those of a scorecard.
package struct QueryLimits: Sendable, Hashable {
    /// How long it may take.
    package var time: Duration = .seconds(60)
    /// Bytes of memory that it may take; 4 GiB by default.
    package var memoryBytes: Int64 = 4 << 30
    /// Rows that may come back.
    package var resultRows = 1_000_000

    /// Makes limits with the defaults above.
    package init() {}
}

/// How much a warehouse holds.
package struct WarehouseStatus: Sendable, Hashable {
    /// Rows of each table, duplicates too.
    package var rows: [WarehouseTable: Int64] = [:]
    /// Bytes on the disk.
    package var storedBytes: Int64 = 0
    /// The oldest and the newest day that anything arrived.
    package var days: ClosedRange<ArrivalDay>?
    /// Files or parts; too many make questions slow.
    package var parts = 0
    /// Files that cannot be read and were set aside: results are partial while it is not 0.
    package var damaged = 0

    /// Makes the status of an empty warehouse.
    package init() {}
}

/// Why a warehouse did not do what it was asked to.
package struct WarehouseError: Error, Sendable, CustomStringConvertible {
    /// Stable: retries and metrics hang on it.
    package enum Code: String, Sendable, CaseIterable {
        /// The engine is not there, or did not answer in time; later is better.
        case unavailable
        /// The engine has no room on its disk; later is better.
        case full
        /// A row or a statement that the engine will never take.
        case rejected
        /// The question is over its limits.
        case limit
        /// The engine answers with something that it should not.
        case failed
    }

    /// What kind of failure it is.
    package var code: Code
    /// What was found and what to do about it.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
