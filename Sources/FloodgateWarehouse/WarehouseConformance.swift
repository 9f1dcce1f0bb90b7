// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// A promise of `Warehouse` that an adapter does not keep.
package struct WarehouseViolation: Error, CustomStringConvertible {
    package var description: String
}

/// The promises of `Warehouse`, checked in every adapter's tests against an empty warehouse.
/// - Parameters:
///   - warehouse: Is empty, and is not afterwards.
///   - form: How the rows of the blocks are written that it is given.
/// - Throws: `WarehouseViolation` at the first promise that is not kept; whatever the warehouse throws.
package func checkWarehouse(_ warehouse: some Warehouse, form: RowForm) async throws {
    let check = WarehouseCheck(warehouse: warehouse, form: form)
    try await check.preparing()
    try await check.blocks()
    try await check.texts()
    try await check.refusals()
    try await check.questions()
    try await check.forgetting()
    try await check.retention()
}

private struct WarehouseCheck<Subject: Warehouse> {
    let warehouse: Subject
    let form: RowForm

    private func expect(_ condition: Bool, _ promise: String) throws {
        guard condition else { throw WarehouseViolation(description: "\(warehouse.engine): \(promise)") }
    }

    private func expect(_ code: WarehouseError.Code, _ promise: String, _ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch let error as WarehouseError {
            return try expect(error.code == code, "\(promise); it is \(error.code), \(error.message)")
        }
        try expect(false, promise)
    }

    private func ask(_ sql: String) async throws -> [JSONObject] {
        try await warehouse.query(sql, limits: QueryLimits())
    }

    private func count(_ table: WarehouseTable, _ condition: String = "1 = 1") async throws -> Int64? {
        let sql = "SELECT count(*) AS n FROM \(warehouse.relation(table)) WHERE \(condition)"
        return try await ask(sql).first?["n"]?.integerValue
    }

    @discardableResult
    private func load(_ block: EventBlock) async throws -> Bool {
        var block = block
        if form == .packed {
            block.form = .packed
            for (table, rows) in block.rows { block.rows[table] = packed(rows, table) }
        }
        return try await warehouse.load(block)
    }

    /// Lines as packed rows; one that is no row becomes one that lacks its end.
    private func packed(_ lines: [UInt8], _ table: WarehouseTable) -> [UInt8] {
        lines.split(separator: 0x0A).flatMap { line in
            let row = try? JSONValue(parsing: Array(line)).objectValue
            return row.flatMap(table.packed) ?? table.packed(SampleBlock.row(table, 0))?.dropLast(3) ?? []
        }
    }

    // MARK: Promises

    func preparing() async throws {
        try await warehouse.prepare()
        try await warehouse.prepare()
        for table in WarehouseTable.allCases {
            try expect(try await count(table) == 0, "an empty \(table.rawValue) counts 0, as a number")
            let rows = try await ask("SELECT id FROM \(warehouse.relation(table))")
            try expect(rows.isEmpty, "an empty \(table.rawValue) has no rows")
        }
        try expect(try await warehouse.ledger(since: 0, node: nil).isEmpty, "an empty warehouse has an empty ledger")
        let status = try await warehouse.status()
        try expect(status.days == nil, "an empty warehouse has no days")
        try expect(status.rows.values.allSatisfy { $0 == 0 }, "an empty warehouse has no rows")
    }

    func blocks() async throws {
        let first = SampleBlock.make("n1-1", tables: [.exposures: 1...3, .events: 1...2, .deadLetters: 1...1])
        try expect(try await load(first), "a block is new the first time")
        for _ in 1...3 { try expect(try await !load(first), "a block is not new when it comes again") }
        try await warehouse.prepare()
        try expect(try await !load(first), "preparing again forgets no block")
        try expect(try await count(.exposures) == 3, "the exposures of a block count once")
        try expect(try await count(.events) == 2, "the events of a block count once")
        try expect(try await count(.deadLetters) == 1, "the dead letters of a block count once")

        // The request was sent again, and arrived later with one event more.
        var second = SampleBlock.make("n1-2", tables: [.exposures: 2...4], receivedAfter: 60_000)
        second.ledger[0].sums.duplicate = 2
        try expect(try await load(second), "a block is new by its id, whatever its rows are")
        try expect(try await count(.exposures) == 4, "an event that is in two blocks counts once")
        try expect(
            try await count(.exposures, "received_at = \(SampleBlock.arrival)") == 3,
            "of an event that is there twice the one counts that arrived first"
        )
        // Nobody else's: ids are told apart by environment.
        let foreign = SampleBlock.make("n2-1", tables: [.exposures: 1...1], environment: "staging", node: "n2")
        try await load(foreign)
        try expect(try await count(.exposures) == 5, "equal ids of two environments are two events")
        // The same event once more, on the next day.
        try await load(
            SampleBlock.make("n1-3", tables: [.exposures: 1...1], receivedAfter: 86_400_000)
        )
        try expect(try await count(.exposures) == 5, "an event that comes again a day later counts once")

        let empty = SampleBlock.make("n1-4", tables: [:])
        try expect(try await load(empty), "a block without rows is a block")
        try expect(try await !load(empty), "a block without rows is known when it comes again")

        let all = [first, second, foreign, empty].flatMap(\.ledger)
        let found = try await warehouse.ledger(since: 0, node: nil).filter { $0.block != "n1-3" }
        try expect(
            Set(found) == Set(all) && found.count == all.count,
            "the ledger comes back unchanged, each entry once"
        )
        let other = try await warehouse.ledger(since: 0, node: "n2")
        try expect(other == foreign.ledger, "the ledger of one node comes alone")
        let later = try await warehouse.ledger(since: SampleBlock.arrival + 60_000, node: "n1")
        try expect(Set(later.map(\.block)) == ["n1-2", "n1-3"], "the ledger comes from a minute on")

        let status = try await warehouse.status()
        try expect(status.rows[.exposures, default: 0] >= 5, "the status counts rows")
        try expect(status.storedBytes > 0 && status.parts > 0, "the status says how much is stored")
        let day = ArrivalDay(of: SampleBlock.arrival)
        try expect(status.days == day...ArrivalDay(number: day.number + 1), "the status says which days there are")
    }

    func texts() async throws {
        let texts = SampleBlock.oddTexts
        let rows = texts.enumerated().map { number, text in
            SampleBlock.row(
                .events,
                100 + number,
                ["name": "odd", "value_text": .string(text), "user_id": .string(text)]
            )
        }
        var block = SampleBlock.make("odd-1", tables: [:])
        block.set(.events, rows)
        try await load(block)
        let found = try await ask(
            "SELECT number, value_text, user_id FROM \(warehouse.relation(.events)) WHERE name = 'odd' ORDER BY number"
        )
        try expect(found.count == texts.count, "odd texts are taken")
        for (row, text) in zip(found, texts) {
            let said = text.unicodeScalars.prefix(20).map { $0.escaped(asASCII: true) }.joined()
            try expect(row["value_text"]?.stringValue?.isExactly(text) == true, "a text comes back unchanged: \(said)")
            try expect(row["user_id"]?.stringValue?.isExactly(text) == true, "a user ID comes back unchanged: \(said)")
        }
        let numbers: [JSONValue] = [.null, 0, -1, 1e300, 0.1, .integer(1 << 53)]
        block = SampleBlock.make("odd-2", tables: [:])
        block.set(
            .events,
            numbers.enumerated().map { SampleBlock.row(.events, 200 + $0, ["name": "number", "value": $1]) }
        )
        try await load(block)
        let values = try await ask(
            "SELECT number, value FROM \(warehouse.relation(.events)) WHERE name = 'number' ORDER BY number"
        )
        try expect(
            values.map { $0["value"]?.doubleValue } == numbers.map(\.doubleValue),
            "numbers and null come back unchanged"
        )
    }

    func refusals() async throws {
        let before = try await warehouse.ledger(since: 0, node: nil).count
        let good = SampleBlock.row(.events, 301, ["name": "beside"])
        let bad: [[UInt8]] = [
            SampleBlock.line(SampleBlock.row(.events, 302, ["name": "bad", "time": "yesterday"])),
            SampleBlock.line(SampleBlock.row(.events, 303, ["name": "bad", "value": ["a", "list"]])),
            Array(#"{"id":"00000000-0000-0000-0000-000000000130","environment":"#.utf8) + [0x0A],
        ]
        for (number, line) in bad.enumerated() {
            // Tables come in an order of the adapter's choice: whichever it is, no part of the block is left.
            var block = SampleBlock.make("bad-\(number)", tables: [:])
            block.set(.exposures, [SampleBlock.row(.exposures, 301, ["name": "beside"])])
            block.set(.deadLetters, [SampleBlock.row(.deadLetters, 301, ["reason": "beside"])])
            block.rows[.events] = SampleBlock.line(good) + line
            block.counts[.events] = 2
            try await expect(.rejected, "a row that cannot be taken is refused as such") {
                try await load(block)
            }
            try await expect(.rejected, "it is refused again") { try await load(block) }
            for table in [WarehouseTable.exposures, .events] {
                try expect(
                    try await count(table, "name IN ('beside', 'bad')") == 0,
                    "nothing of a refused block counts in \(table.rawValue)"
                )
            }
            try expect(try await count(.deadLetters, "reason = 'beside'") == 0, "nor in the dead letters")
        }
        try expect(
            try await warehouse.ledger(since: 0, node: nil).count == before,
            "a refused block leaves nothing in the ledger"
        )
        var half = SampleBlock.make("bad-0-half", tables: [:])
        half.set(.events, [good])
        try expect(try await load(half), "the good half of a refused block is taken")
        try expect(try await count(.events, "name = 'beside'") == 1, "and counts")
    }

    func questions() async throws {
        let three = "SELECT number FROM \(warehouse.relation(.exposures)) WHERE environment = 'production' LIMIT 3"
        var limits = QueryLimits()
        limits.resultRows = 3
        let none = "SELECT name, count(*) AS n FROM \(warehouse.relation(.events)) AS e WHERE 1 = 0 GROUP BY name"
        try expect(try await warehouse.query(none, limits: limits).isEmpty, "no groups are no rows")
        try expect(try await warehouse.query(three, limits: limits).count == 3, "as many rows as the limit are given")
        limits.resultRows = 2
        try await expect(.limit, "more rows than the limit are refused") {
            _ = try await warehouse.query(three, limits: limits)
        }
        try await expect(.rejected, "what is no question is refused as such") { _ = try await ask("SELEKT 1") }
        try await expect(.rejected, "a column that is not there is refused") {
            _ = try await ask("SELECT nothing_of_that_name FROM \(warehouse.relation(.events))")
        }
        try await expect(.rejected, "a text without an end is refused") { _ = try await ask("SELECT 'a AS x") }
        let lines = try await ask("SELECT\n  count(*) AS n, 'a' AS x\nFROM \(warehouse.relation(.deadLetters))\n")
        try expect(lines.first?["x"]?.stringValue == "a" && lines.count == 1, "a question may have several lines")
        let average = try await ask("SELECT avg(value) AS x FROM \(warehouse.relation(.events)) WHERE name = 'none'")
        try expect(average.count == 1, "an average over nothing is a row")
        let answers = try await withThrowingTaskGroup(of: Int64?.self) { group in
            for _ in 0..<8 { group.addTask { try await count(.exposures) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try expect(answers == Array(repeating: 5, count: 8), "questions may be asked at the same time")
    }

    func forgetting() async throws {
        let person = #"o'Neil\ "x""#
        let customs: JSONValue = .string(SampleBlock.text(of: ["companyID": .string(person)]))
        var block = SampleBlock.make("forget-1", tables: [:])
        block.set(
            .exposures,
            [
                SampleBlock.row(.exposures, 401, ["name": "f", "user_id": .string(person)]),
                SampleBlock.row(.exposures, 402, ["name": "f", "custom_ids": customs]),
                SampleBlock.row(.exposures, 403, ["name": "f", "user_id": "o'Neil"]),
                SampleBlock.row(.exposures, 404, ["name": "f", "user_id": .string(person), "environment": "staging"]),
            ]
        )
        block.set(.events, [SampleBlock.row(.events, 405, ["name": "f", "user_id": .string(person)])])
        try await load(block)
        let removed = try await warehouse.forget(person, environment: "production")
        try expect(removed == nil || removed == 3, "forgetting says how many rows it removed, if it knows")
        try expect(try await count(.exposures, "name = 'f'") == 2, "a user is forgotten by user ID and by custom ID")
        try expect(
            try await count(.exposures, "name = 'f' AND environment = 'staging'") == 1,
            "a user of another environment is not forgotten"
        )
        try expect(try await count(.events, "name = 'f'") == 0, "a user is forgotten in every table")
        try expect(try await !load(block), "a block that is known stays known, so that the user stays gone")
        let again = try await warehouse.forget(person, environment: "production")
        try expect(again == nil || again == 0, "who is gone can be forgotten again")
    }

    func retention() async throws {
        let day = ArrivalDay(of: SampleBlock.arrival)
        let next = ArrivalDay(number: day.number + 1)
        let entries = try await warehouse.ledger(since: 0, node: nil).count
        try expect(try await warehouse.removeDays(before: day, of: .exposures) == 0, "no day is before the first")
        let events = try await count(.events)
        try expect(try await warehouse.removeDays(before: next, of: .exposures) == 1, "a day is removed")
        try expect(try await count(.exposures) == 1, "the rows of a day that is removed are gone, later ones stay")
        try expect(try await count(.events) == events, "another table keeps the day")
        try expect(
            try await warehouse.ledger(since: 0, node: nil).count == entries,
            "the ledger stays, or what was loaded would be missing"
        )
        let known = SampleBlock.make("n1-1", tables: [.exposures: 1...3, .events: 1...2, .deadLetters: 1...1])
        try expect(try await !load(known), "a block stays known when its day is removed")
        try expect(try await warehouse.removeDays(before: next, of: .exposures) == 0, "a day is removed once")
    }
}
