// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateWarehouse

/// What a server says went wrong, by its number; these stay the same from release to release.
struct ClickHouseFailure: Sendable {
    /// What the server was asked to do, since the same number means different things.
    enum Work: Sendable {
        /// To take rows.
        case insert
        /// To answer a question of somebody else's.
        case question
        /// To make, change or tell something of our own.
        case housekeeping
    }

    /// The number of the error; 0 if the answer has none.
    var code: Int
    /// The server's words, shortened, since they may repeat a row.
    var text: String

    /// Reads the body of an answer that is no success.
    init(status: Int, body: String) {
        let digits = body.hasPrefix("Code: ") ? body.dropFirst(6).prefix { $0.isASCII && $0.isNumber } : ""
        code = Int(digits) ?? 0
        text = code == 0 ? "status \(status)" : String(body.prefix(300))
    }

    /// The same in the words of the protocol.
    func error(in work: Work) -> WarehouseError {
        WarehouseError(kind(in: work), "ClickHouse answers: \(text)")
    }

    private func kind(in work: Work) -> WarehouseError.Code {
        if Self.busy.contains(code) { return .unavailable }
        if Self.limits.contains(code) { return work == .question ? .limit : .unavailable }
        if code == 243 || text.contains("No space left on device") { return .full }
        switch work {
        case .insert: return Self.rows.contains(code) ? .rejected : .failed
        case .question: return Self.statements.contains(code) ? .rejected : .failed
        case .housekeeping: return .failed
        }
    }

    // Simultaneous queries, no free connection, timeouts and losses of the network, the same query still runs, ZooKeeper,
    // aborted, read-only replica, too many parts, no replica reached, stale, too few for the quorum, quorum not there yet,
    // unknown state of an insert, cancelled, no leader.
    private static let busy: Set<Int> = [
        202, 203, 209, 210, 216, 225, 236, 242, 252, 254, 279, 285, 286, 289, 319, 369, 394, 415, 529, 999,
    ]

    // Rows, time, speed, size of sets, memory, bytes, rows or bytes of an answer.
    private static let limits: Set<Int> = [158, 159, 160, 191, 241, 307, 396]

    // Text, escapes, quotes, dates, ends too early, bad numbers, kinds, null, UUIDs, booleans, unknown columns.
    private static let rows: Set<Int> = [
        6, 16, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 321, 349, 376, 441, 467,
    ]

    // Columns, arguments, types, functions, names, tables, databases, syntax, aggregates, read-only, aliases.
    private static let statements: Set<Int> = [
        1, 8, 10, 16, 20, 35, 36, 42, 43, 44, 46, 47, 48, 50, 51, 53, 60, 62, 63, 70, 81, 97, 128, 130, 153, 164, 165,
        170, 179, 181, 184, 206, 207, 215, 352, 386, 403, 407, 455, 497,
    ]
}
