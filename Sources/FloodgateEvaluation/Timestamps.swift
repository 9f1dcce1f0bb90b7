// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Texts that stand for points in time, in milliseconds since 1970 (UTC).
///
/// Either a 64-bit integer, taken as it is, or a date in one of two forms: RFC 3339 (`2023-11-14T22:13:20Z`), or
/// `2023-11-14 22:13:20`, which is read as UTC and leniently about blanks, signs of years and leading zeros. A second
/// 60 is a leap second, one second after 59. A date without a time is not accepted.
package enum Timestamps {
    /// The time that a user's value stands for: dates only if they have 8 to 20 bytes and contain `-`, `T` or `:`.
    package static func milliseconds(fromUserText text: String) -> Int64? {
        UnsafeBufferPointer.reading(text) { bytes in
            if let integer = NumberText.integer(bytes) { return integer }
            guard 8...20 ~= bytes.count, bytes.contains(where: isDateLike) else { return nil }
            return date(bytes)
        }
    }

    /// The time that a condition's target stands for, of any length.
    package static func milliseconds(fromTargetText text: String) -> Int64? {
        UnsafeBufferPointer.reading(text) { bytes in NumberText.integer(bytes) ?? date(bytes) }
    }

    private static func isDateLike(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "-") || byte == UInt8(ascii: "T") || byte == UInt8(ascii: ":")
    }

    private static func date(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var strict = DateReader(text: text)
        if let milliseconds = strict.internetDate() { return milliseconds }
        var lenient = DateReader(text: text)
        return lenient.plainDate()
    }
}

/// A date and time of day before it is known to exist.
private struct DateFields {
    var year = 0
    var month = 0
    var day = 0
    var hour = 0
    var minute = 0
    var second = 0
    var millisecond = 0
    /// East of Greenwich.
    var offsetSeconds = 0

    /// Milliseconds since 1970, or nil if a field is out of its range.
    var milliseconds: Int64? {
        // The range of years that the reference implementation can hold.
        guard -262_143...262_142 ~= year, 1...12 ~= month, 1...daysInMonth ~= day else { return nil }
        guard 0...23 ~= hour, 0...59 ~= minute, 0...60 ~= second else { return nil }
        let seconds = ((daysSince1970 * 24 + hour) * 60 + minute) * 60 + second - offsetSeconds
        return Int64(seconds) * 1000 + Int64(millisecond)
    }

    private var isLeapYear: Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private var daysInMonth: Int {
        switch month {
        case 2: isLeapYear ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Counts in years that begin in March, so that a leap day is the last of its year.
    private var daysSince1970: Int {
        let shifted = month > 2 ? year : year - 1
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

/// Reads the two forms of dates from the start of a text; one reader per attempt.
private struct DateReader {
    let text: UnsafeBufferPointer<UInt8>
    private var index = 0

    init(text: UnsafeBufferPointer<UInt8>) { self.text = text }

    /// RFC 3339, with a blank allowed in place of the `T`.
    mutating func internetDate() -> Int64? {
        var fields = DateFields()
        guard let year = number(digits: 4...4), take("-"), let month = number(digits: 2...2), take("-"),
            let day = number(digits: 2...2), take("T") || take("t") || take(" "),
            let hour = number(digits: 2...2), take(":"), let minute = number(digits: 2...2), take(":"),
            let second = number(digits: 2...2)
        else { return nil }
        (fields.year, fields.month, fields.day) = (year, month, day)
        (fields.hour, fields.minute, fields.second) = (hour, minute, second)
        if take(".") {
            guard let fraction = fraction() else { return nil }
            fields.millisecond = fraction
        }
        guard let offset = offset(), index == text.count else { return nil }
        fields.offsetSeconds = offset
        return fields.milliseconds
    }

    /// `2023-11-14 22:13:20` in UTC, with blanks, or none, before any field and fields as short as one digit.
    ///
    /// The reference implementation even reads `2023-11-1422:13:20`.
    mutating func plainDate() -> Int64? {
        var fields = DateFields()
        guard let year = year(), take("-"), let month = field(), take("-"), let day = field() else { return nil }
        guard let hour = field(), take(":"), let minute = field(), take(":"), let second = field(),
            index == text.count
        else { return nil }
        (fields.year, fields.month, fields.day) = (year, month, day)
        (fields.hour, fields.minute, fields.second) = (hour, minute, second)
        return fields.milliseconds
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard index < text.count, text[index] == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    /// U+2212, which the reference implementation takes for a hyphen in offsets.
    private mutating func takeMinusSign() -> Bool {
        guard index + 2 < text.count, text[index] == 0xE2, text[index + 1] == 0x88, text[index + 2] == 0x92 else {
            return false
        }
        index += 3
        return true
    }

    private mutating func skipBlanks() {
        while case let length = text.blankLength(at: index, before: text.count), length > 0 { index += length }
    }

    private mutating func number(digits: ClosedRange<Int>) -> Int? {
        var (value, count) = (0, 0)
        while count < digits.upperBound, let digit = text.digit(at: index) {
            // Far beyond any year already, and far from overflow.
            value = min(value * 10 + digit, 1_000_000_000)
            (count, index) = (count + 1, index + 1)
        }
        return count >= digits.lowerBound ? value : nil
    }

    private mutating func field() -> Int? {
        skipBlanks()
        return number(digits: 1...2)
    }

    /// Up to four digits, or any number of them behind a sign.
    private mutating func year() -> Int? {
        skipBlanks()
        if take("-") { return number(digits: 1...Int.max).map { -$0 } }
        return number(digits: take("+") ? 1...Int.max : 1...4)
    }

    /// Digits behind the point, cut to milliseconds.
    private mutating func fraction() -> Int? {
        guard text.digit(at: index) != nil else { return nil }
        var (value, unit) = (0, 100)
        while let digit = text.digit(at: index) {
            value += digit * unit
            unit /= 10
            index += 1
        }
        return value
    }

    private mutating func offset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let west = take("-") || takeMinusSign()
        guard west || take("+"), let hours = number(digits: 2...2), take(":"), let minutes = number(digits: 2...2),
            hours < 24, minutes < 60
        else { return nil }
        return (west ? -1 : 1) * (hours * 60 + minutes) * 60
    }
}
