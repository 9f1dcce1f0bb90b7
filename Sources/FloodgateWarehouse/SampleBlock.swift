// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Blocks for checks and tests: rows that differ by a number.
package enum SampleBlock {
    /// When the rows arrived: the beginning of a minute, on 15 June 2025, in Unix milliseconds.
    package static let arrival: Int64 = 1_750_000_020_000

    /// Texts that were trouble somewhere before.
    package static let oddTexts: [String] = [
        "it's", #"a "quoted" word"#, #"back\slash \n \' \\"#, "two\nlines\r\n", "tab\t", "a\u{0}b", "\u{0}",
        "\u{1}\u{1F}\u{7F}",
        "👩‍👩‍👧 Ä Ö 中文 \u{202E}", "e\u{301}", "\u{FEFF}x", "\u{2028}", "NULL", "null", #"\N"#, "$$;-- /*", ".print", ";",
        "--END--", "{}", "%s %1$s {0}", String(repeating: "long ", count: 1 << 18),
    ]

    /// A block whose tables have a row for each number, and one entry in the ledger.
    package static func make(
        _ id: String,
        tables: [WarehouseTable: ClosedRange<Int>],
        environment: String = "production",
        node: String = "n1",
        receivedAfter delay: Int64 = 0
    ) -> EventBlock {
        let received = arrival + delay
        var block = EventBlock(id: id, day: ArrivalDay(of: received), rows: [:], counts: [:], ledger: [])
        for (table, numbers) in tables {
            let shared: JSONObject = ["environment": .string(environment), "received_at": .integer(received)]
            block.set(table, numbers.map { row(table, $0, shared) })
        }
        var sums = LedgerSums()
        sums.batches = 1
        sums.accepted = Int64(block.counts.values.reduce(0, +))
        sums.loaded = sums.accepted - Int64(block.counts[.deadLetters] ?? 0)
        sums.dead = Int64(block.counts[.deadLetters] ?? 0)
        // Beyond what a signed number or a double holds.
        sums.idXor = .max - 1
        sums.idSum = 1 << 63 | UInt64(id.utf8.count)
        let minute = received - received % 60_000
        block.ledger = [
            LedgerEntry(block: id, node: node, segment: 1, environment: environment, minute: minute, sums: sums)
        ]
        return block
    }

    /// A row with all columns of its table, told from others by `number`; `values` takes the place of what it has by itself.
    package static func row(_ table: WarehouseTable, _ number: Int, _ values: JSONObject = [:]) -> JSONObject {
        var row = JSONObject()
        for column in table.columns {
            switch column.kind {
            case .id: row.set(column.name, .string(id(number)))
            case .text, .word: row.set(column.name, "")
            case .integer: row.set(column.name, 0)
            case .time: row.set(column.name, .integer(arrival))
            case .optionalNumber: row.set(column.name, .null)
            case .flag: row.set(column.name, 0)
            }
        }
        row.set("environment", "production")
        row.set("number", .integer(number))
        row.set("position", 1)
        for member in values { row.set(member.name, member.value) }
        return row
    }

    /// The row as one line of JSON.
    package static func line(_ row: JSONObject) -> [UInt8] {
        var writer = JSONWriter()
        writer.write(.object(row))
        return writer.bytes + [0x0A]
    }

    /// The object as JSON text.
    package static func text(of object: JSONObject) -> String {
        String(decoding: line(object).dropLast(), as: UTF8.self)
    }

    private static func id(_ number: Int) -> String {
        let digits = String(UInt32(truncatingIfNeeded: number), radix: 16)
        return "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }
}

extension EventBlock {
    /// Gives `table` these rows.
    package mutating func set(_ table: WarehouseTable, _ objects: [JSONObject]) {
        rows[table] = objects.flatMap(SampleBlock.line)
        counts[table] = objects.count
    }
}
