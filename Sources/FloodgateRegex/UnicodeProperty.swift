// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What stands in `\p{…}`: the name of a binary property, a general category or a script, or a property and its value.
enum UnicodeProperty {
    /// The set that the text between the braces stands for, or nil if the core knows no such property.
    static func set(_ text: [UInt32]) -> ScalarSet? {
        if let index = text.indices.dropLast().first(where: { text[$0] == 0x21 && text[$0 + 1] == 0x3D }) {
            // The core reads `!=` but does not negate.
            return value(text[..<index], text[(index + 2)...])
        }
        if let index = text.firstIndex(of: 0x3A) ?? text.firstIndex(of: 0x3D) {
            return value(text[..<index], text[(index + 1)...])
        }
        let name = normalized(text[...])
        // These three are properties too, but the core takes them for categories.
        if name != Array("cf".utf8), name != Array("sc".utf8), name != Array("lc".utf8) {
            if let found = UnicodeTables.set(name, in: UnicodeTables.binaryProperties) { return found }
        }
        return category(name) ?? UnicodeTables.set(name, in: UnicodeTables.scripts)
    }

    private static func value(_ property: ArraySlice<UInt32>, _ value: ArraySlice<UInt32>) -> ScalarSet? {
        let value = normalized(value)
        switch String(decoding: normalized(property), as: UTF8.self) {
        case "generalcategory", "gc": return category(value)
        case "script", "sc": return UnicodeTables.set(value, in: UnicodeTables.scripts)
        case "scriptextensions", "scx": return UnicodeTables.set(value, in: UnicodeTables.scriptExtensions)
        case "age": return UnicodeTables.sets(through: value, in: UnicodeTables.ages)
        case "graphemeclusterbreak", "gcb": return UnicodeTables.set(value, in: UnicodeTables.graphemeClusterBreaks)
        case "wordbreak", "wb": return UnicodeTables.set(value, in: UnicodeTables.wordBreaks)
        case "sentencebreak", "sb": return UnicodeTables.set(value, in: UnicodeTables.sentenceBreaks)
        default: return nil
        }
    }

    private static func category(_ name: [UInt8]) -> ScalarSet? {
        switch String(decoding: name, as: UTF8.self) {
        case "any": .all
        case "ascii": ScalarSet(0...127)
        case "assigned": category(Array("cn".utf8))?.inverted()
        case "l", "letter": categories(["lu", "ll", "lt", "lm", "lo"])
        case "lc", "casedletter": categories(["lu", "ll", "lt"])
        case "m", "mark", "combiningmark": categories(["mn", "mc", "me"])
        case "n", "number": categories(["nd", "nl", "no"])
        case "p", "punctuation", "punct": categories(["pc", "pd", "ps", "pe", "pi", "pf", "po"])
        case "s", "symbol": categories(["sm", "sc", "sk", "so"])
        case "z", "separator": categories(["zs", "zl", "zp"])
        case "c", "other": categories(["cc", "cf", "co", "cn"])
        default: UnicodeTables.set(name, in: UnicodeTables.generalCategories)
        }
    }

    private static func categories(_ names: [String]) -> ScalarSet {
        var ranges: [ClosedRange<UInt32>] = []
        for name in names {
            ranges += UnicodeTables.set(name.utf8, in: UnicodeTables.generalCategories)?.ranges ?? []
        }
        return ScalarSet(joining: ranges)
    }

    /// Lower case, without `_`, `-`, spaces and a leading `is`; empty if a scalar is not ASCII.
    private static func normalized(_ text: ArraySlice<UInt32>) -> [UInt8] {
        var result: [UInt8] = []
        for scalar in text {
            guard scalar < 128 else { return [] }
            let byte = UInt8(truncatingIfNeeded: scalar)
            switch byte {
            case 0x20, 0x2D, 0x5F: continue
            case 0x41...0x5A: result.append(byte | 32)
            default: result.append(byte)
            }
        }
        let startsWithIs = text.count >= 2 && text.prefix(2).elementsEqual([0x69, 0x73], by: { $0 | 32 == $1 })
        // "isc" would be the property ISO_Comment, not the category C.
        if startsWithIs, result != Array("isc".utf8) { result.removeFirst(2) }
        return result
    }
}
