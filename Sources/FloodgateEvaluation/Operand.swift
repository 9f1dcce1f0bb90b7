// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// The left side of a comparison, seen through the projections of the reference's §3.1.
enum Operand {
    case missing
    case json(JSONValue)
    /// A bucket: a number like any other.
    case bucket(Int64)
    /// The current time: an integer and nothing else.
    case time(Int64)

    init(_ value: JSONValue?) {
        if let value { self = .json(value) } else { self = .missing }
    }

    var text: String? {
        switch self {
        case .missing, .time: nil
        case .json(let value): AttributeText.text(of: value)
        case .bucket(let number): String(number)
        }
    }

    var number: Double? {
        switch self {
        case .json(.number(let number)): number.doubleValue
        case .json(.string(let text)): NumberText.double(text)
        case .bucket(let number): Double(number)
        default: nil
        }
    }

    private var integer: Int64? {
        switch self {
        // 2^63 comes out of the Rust core's conversion as the greatest integer.
        case .json(.number(let number)): number.exactInteger ?? (number.doubleValue == 0x1p63 ? .max : nil)
        case .json(.string(let text)): NumberText.integer(text)
        case .bucket(let number), .time(let number): number
        default: nil
        }
    }

    /// Unix milliseconds; what is small counts as seconds.
    var time: Int64? {
        var time = integer
        if case .json(.string(let text)) = self { time = Timestamps.milliseconds(fromUserText: text) ?? time }
        guard let time else { return nil }
        return time.magnitude < 10_000_000_000 ? time * 1000 : time
    }

    var items: [JSONValue]? {
        guard case .json(.array(let items)) = self else { return nil }
        return items
    }

    /// Nothing, null or the current time, which alone are equal to a null target.
    var isNull: Bool {
        switch self {
        case .missing, .time, .json(.null): true
        default: false
        }
    }
}
