// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// The unit of loading: rows of one day of arrival from one stretch of the log, the same for the same stretch.
package struct EventBlock: Sendable, Hashable {
    /// Names the stretch, and so the block: letters, digits, `-` and `_`, at most 100; equal ids mean equal rows.
    package var id: String
    /// The day that all its rows arrived on.
    package var day: ArrivalDay
    /// How the rows are written.
    package var form: RowForm
    /// The rows of each table, in the log's order.
    package var rows: [WarehouseTable: [UInt8]]
    /// How many rows there are in each table.
    package var counts: [WarehouseTable: Int]
    /// Where the rows come from.
    package var ledger: [LedgerEntry]

    package init(
        id: String,
        day: ArrivalDay,
        form: RowForm = .lines,
        rows: [WarehouseTable: [UInt8]],
        counts: [WarehouseTable: Int],
        ledger: [LedgerEntry]
    ) {
        self.id = id
        self.day = day
        self.form = form
        self.rows = rows
        self.counts = counts
        self.ledger = ledger
    }
}

/// A day by the clock of the server that the event arrived at, in UTC.
package struct ArrivalDay: Sendable, Hashable, Comparable {
    /// Days since 1 January 1970.
    package var number: Int32

    package init(number: Int32) { self.number = number }

    /// The day of a time in Unix milliseconds.
    package init(of milliseconds: Int64) {
        let days = milliseconds / 86_400_000 - (milliseconds % 86_400_000 < 0 ? 1 : 0)
        number = Int32(clamping: days)
    }

    package static func < (left: ArrivalDay, right: ArrivalDay) -> Bool { left.number < right.number }

    /// The day as `2025-06-15`.
    package var text: String {
        // Days since 1 March of the year 0, in eras of 400 years, so that leap days come last (proleptic Gregorian).
        let shifted = Int(number) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let calendarMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (calendarMonth <= 2 ? 1 : 0)
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return "\(digits(year, 4))-\(digits(calendarMonth, 2))-\(digits(day, 2))"
    }
}
