// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A moment as people read it on a page: exact in UTC, and how long ago.
package struct TimeText {
    /// As in `2026-03-01T09:05:00Z`, for machines.
    package let machine: String
    /// As in `2026-03-01 09:05:00 UTC`.
    package let exact: String
    /// As in `09:05:00`.
    package let clock: String
    /// As in `5 min ago`; the date beyond a month.
    package let ago: String

    /// - Parameters:
    ///   - time: Unix ms.
    ///   - now: Unix ms.
    package init(_ time: Int64, now: Int64) {
        let limit: Int64 = 253_402_300_799_999  // the last moment of the year 9999
        let seconds = max(0, min(time, limit)) / 1000
        let (year, month, day) = Self.civil(days: seconds / 86_400)
        let rest = seconds % 86_400
        let date = "\(Self.padded(year, to: 4))-\(Self.padded(month))-\(Self.padded(day))"
        self.clock = "\(Self.padded(rest / 3600)):\(Self.padded(rest / 60 % 60)):\(Self.padded(rest % 60))"
        self.machine = "\(date)T\(clock)Z"
        self.exact = "\(date) \(clock) UTC"
        let age = max(0, min(now, limit)) / 1000 - seconds
        switch age {
        case ..<(-60): self.ago = date
        case ..<10: self.ago = "just now"
        case ..<60: self.ago = "\(age) s ago"
        case ..<3600: self.ago = "\(age / 60) min ago"
        case ..<86_400: self.ago = "\(age / 3600) h ago"
        case ..<172_800: self.ago = "yesterday"
        case ..<2_592_000: self.ago = "\(age / 86_400) days ago"
        default: self.ago = date
        }
    }

    /// The date of a day counted from 1970-01-01, in the Gregorian calendar.
    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468  // from 0000-03-01, so that leap days end a year
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func padded(_ number: Int64, to width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
