// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// The time of an event as SDKs and people write it.
package enum EventTime {
    /// Furthest from 1970 that a date may be, in milliseconds either way: as ECMAScript, 100 million days.
    private static let furthest: Int64 = 8_640_000_000_000_000

    /// Reads milliseconds as a number or as digits, or an ISO 8601 date; nil if `value` is none of them.
    ///
    /// A number beyond all dates is a broken clock, not a broken event: it counts as `receivedAt`.
    package static func milliseconds(_ value: JSONValue, receivedAt: Int64) -> Int64? {
        switch value {
        case .number(let number):
            let milliseconds = number.doubleValue
            guard abs(milliseconds) <= Double(furthest) else { return receivedAt }
            return number.exactInteger ?? Int64(milliseconds.rounded())
        case .string(let text):
            if let milliseconds = Int64(text) {
                return milliseconds.magnitude <= furthest.magnitude ? milliseconds : receivedAt
            }
            return iso8601(text)
        case .null, .bool, .array, .object: return nil
        }
    }

    /// `2025-06-15`, `2025-06-15T12:30Z`, `2025-06-15 12:30:45.123+02:00`; without a zone it is UTC.
    static func iso8601(_ text: String) -> Int64? {
        var scan = Scan(rest: text.utf8[...])
        guard let year = scan.digits(4), scan.take("-"), let month = scan.digits(2), scan.take("-"),
            let day = scan.digits(2), 1...12 ~= month, 1...daysInMonth(month, of: year) ~= day
        else { return nil }
        var milliseconds = daysSince1970(year: year, month: month, day: day) * 86_400_000
        if scan.rest.isEmpty { return milliseconds }

        guard scan.take("T") || scan.take("t") || scan.take(" "), let hour = scan.digits(2), scan.take(":"),
            let minute = scan.digits(2), hour < 24, minute < 60
        else { return nil }
        milliseconds += (hour * 60 + minute) * 60_000
        if scan.take(":") {
            guard let second = scan.digits(2), second <= 60 else { return nil }
            milliseconds += second * 1000
            if scan.take(".") || scan.take(",") {
                guard let fraction = scan.fraction() else { return nil }
                milliseconds += fraction
            }
        }
        if scan.rest.isEmpty { return milliseconds }
        guard let offset = scan.zone(), scan.rest.isEmpty else { return nil }
        return milliseconds - offset * 60_000
    }

    private static func daysInMonth(_ month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days in the proleptic Gregorian calendar, counted in years that begin in March so that leap days come last.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private struct Scan {
        var rest: Substring.UTF8View

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard let first = rest.first, UInt32(first) == character.value else { return false }
            rest = rest.dropFirst()
            return true
        }

        mutating func digits(_ count: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<count {
                guard let digit = digit() else { return nil }
                value = value * 10 + digit
            }
            return value
        }

        /// Milliseconds; digits beyond are dropped.
        mutating func fraction() -> Int64? {
            guard let first = digit() else { return nil }
            var value = first * 100
            var unit: Int64 = 10
            while let digit = digit() {
                value += digit * unit
                unit /= 10
            }
            return value
        }

        /// Minutes east of UTC.
        mutating func zone() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let isEast = take("+")
            guard isEast || take("-"), let hours = digits(2), hours < 24 else { return nil }
            var minutes: Int64 = 0
            if take(":") || !rest.isEmpty {
                guard let value = digits(2), value < 60 else { return nil }
                minutes = value
            }
            return (isEast ? 1 : -1) * (hours * 60 + minutes)
        }

        private mutating func digit() -> Int64? {
            guard let first = rest.first, 0x30...0x39 ~= first else { return nil }
            rest = rest.dropFirst()
            return Int64(first - 0x30)
        }
    }
}
