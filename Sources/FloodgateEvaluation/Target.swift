// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON
import FloodgateRegex

/// The right side of a comparison with all that can be worked out of it beforehand.
struct Target: Sendable {
    enum Content: Sendable {
        case null
        case bool(Bool)
        case number
        case text(String)
        case list(List)
        case object(JSONObject)
    }

    /// A list as the core sees it: items that are equal after lower-casing collapse, and the last one wins.
    struct List: Sendable {
        /// All items' texts in order; nil where some collapsed, since then no list equals this one.
        let ordered: [String]?
        /// The surviving items' texts.
        let survivors: [String]
        /// The surviving items' lower-cased texts.
        let lowercased: [String]
    }

    let content: Content
    /// The target as a number; a text counts if it reads as one.
    let number: Double?
    /// The target as Unix milliseconds.
    let time: Int64?
    /// The target as a version, where an operator asks for it.
    let version: Version.Compiled?
    /// The target as a regular expression, where an operator asks for it and the pattern is valid.
    let pattern: Pattern?
    /// Lower-cased items of a list, or keys of an object as written: what `any` and `none` look up.
    let keys: ByteTable?
    /// Items of a list as written: what the case-sensitive operators look up.
    let exactKeys: ByteTable?

    init(_ json: JSONView?, for operation: Operator) {
        var list: List?
        switch json?.kind {
        case nil, .null: content = .null
        case .true: content = .bool(true)
        case .false: content = .bool(false)
        case .integer, .unsigned, .double: content = .number
        case .string: content = .text(json?.text ?? "")
        case .array:
            let compiled = List(json)
            list = compiled
            content = .list(compiled)
        case .object: content = .object(json?.object ?? JSONObject())
        }

        var number: Double?
        var time: Int64?
        var version: Version.Compiled?
        var pattern: Pattern?
        if let value = json?.number?.doubleValue {
            number = value
            time = Int64(saturating: value)
        }
        if case .text(let text) = content {
            switch operation {
            case .gt, .gte, .lt, .lte, .eq, .neq: number = NumberText.double(text)
            case .before, .after, .on:
                time =
                    Timestamps.milliseconds(fromTargetText: text)
                    ?? NumberText.double(text).map { Int64(saturating: $0) }
            case .versionGt, .versionGte, .versionLt, .versionLte, .versionEq, .versionNeq:
                version = Version.Compiled(text)
            case .matches: pattern = try? Pattern(text)
            default: break
            }
        }
        self.number = number
        self.time = time
        self.version = version
        self.pattern = pattern

        switch (operation, content) {
        case (.any, .object(let object)), (.none, .object(let object)):
            keys = ByteTable(object.map { ($0.name, 0) })
        case (.any, _), (.none, _):
            keys = list.map { ByteTable($0.lowercased.map { ($0, 0) }) }
        default: keys = nil
        }
        switch operation {
        case .anyCaseSensitive, .noneCaseSensitive, .arrayContainsAny, .arrayContainsNone:
            exactKeys = list.map { ByteTable($0.survivors.map { ($0, 0) }) }
        default: exactKeys = nil
        }
    }
}

extension Target.List {
    init(_ list: JSONView?) {
        var texts: [String] = []
        texts.reserveCapacity(list?.countHint ?? 0)
        if let list { for item in list.items { texts.append(item.text ?? item.value.text) } }
        var keys = ByteArena()
        var last: [Int] = []  // by key: the item that has it last
        var order: [String] = []
        for (index, text) in texts.enumerated() {
            let key = text.rustLowercased()
            let number = Int(UnsafeBufferPointer.reading(key) { keys.number(of: $0) })
            if number == last.count {
                last.append(index)
                order.append(key)
            } else {
                last[number] = index
            }
        }
        ordered = order.count == texts.count ? texts : nil
        lowercased = order
        survivors = last.map { texts[$0] }
    }
}

extension Int64 {
    /// The integer part of `value`, held within 64 bits; 0 for what is no number.
    init(saturating value: Double) {
        if value.isNaN {
            self = 0
        } else {
            self = Int64(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : .min)
        }
    }
}
