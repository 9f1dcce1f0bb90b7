// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
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

    init(_ json: JSONValue?, for operation: Operator) {
        var list: List?
        switch json {
        case nil, .null: content = .null
        case .bool(let flag): content = .bool(flag)
        case .number: content = .number
        case .string(let text): content = .text(text)
        case .array(let items):
            let compiled = List(items)
            list = compiled
            content = .list(compiled)
        case .object(let object): content = .object(object)
        }

        var number: Double?
        var time: Int64?
        var version: Version.Compiled?
        var pattern: Pattern?
        switch json {
        case .number(let value):
            number = value.doubleValue
            time = Int64(saturating: value.doubleValue)
        case .string(let text):
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
        default: break
        }
        self.number = number
        self.time = time
        self.version = version
        self.pattern = pattern

        switch (operation, json) {
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
    init(_ items: [JSONValue]) {
        let texts = items.map { item in
            if case .string(let text) = item { text } else { item.text }
        }
        var last: [ExactText: Int] = [:]
        var order: [String] = []
        for (index, text) in texts.enumerated() {
            let key = text.rustLowercased()
            if last.updateValue(index, forKey: ExactText(key)) == nil { order.append(key) }
        }
        ordered = order.count == texts.count ? texts : nil
        lowercased = order
        survivors = order.compactMap { last[ExactText($0)].map { texts[$0] } }
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
