// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// Which events somebody wants to see, such as `gate=new_checkout unit=u-1 reason~Unrecognized`.
///
/// Terms stand one after the other with spaces between; an event is shown if all of them hold. A term is a field, then `=`
/// (the same), `!=` (another) or `~` (contains, whatever the case), then a text, in double quotes if it has spaces. A term
/// without a field asks whether the name, the unit or the rule contains it.
package struct EventFilter: Sendable, Hashable {
    /// What a term asks about.
    package enum Field: String, Sendable, CaseIterable {
        /// The name of the gate, config, experiment or layer, or of the event.
        case name
        /// The same, of a gate, of a config or experiment, of a layer, or of an event of the application alone.
        case gate, config, layer, event
        case unit, rule, value, reason, environment
        /// gate, config, layer or custom.
        case kind
        /// The kind of SDK key, server or client.
        case key
    }

    /// Why a text is no filter.
    package struct Mistake: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    private enum Comparison: Sendable, Hashable {
        case equal, other, containing
    }

    private struct Term: Sendable, Hashable {
        var field: Field?
        var comparison: Comparison
        var text: String
    }

    /// How long a filter may be, in bytes, so that it costs little per event.
    private static let longest = 1_000

    private var terms: [Term] = []

    /// Makes a filter that shows everything.
    package init() {}

    /// Whether everything is shown.
    package var isEmpty: Bool { terms.isEmpty }

    /// Reads a filter.
    /// - Throws: `Mistake` that says what is wrong and which fields there are.
    package init(_ text: String) throws(Mistake) {
        guard text.utf8.count <= Self.longest else {
            throw Mistake(description: "A filter has at most \(Self.longest) bytes")
        }
        for word in try Self.words(text) { terms.append(try Self.term(word)) }
    }

    /// Whether `event` is one of those.
    package func shows(_ event: Event, environment: String, keyKind: String) -> Bool {
        guard !terms.isEmpty else { return true }
        let exposure = Exposure(event)
        return terms.allSatisfy { term in
            guard let field = term.field else {
                return [Field.name, .unit, .rule].contains { field in
                    let value = Self.value(field, event, exposure, environment, keyKind) ?? ""
                    return value.lowercased().contains(term.text.lowercased())
                }
            }
            guard let value = Self.value(field, event, exposure, environment, keyKind) else {
                return term.comparison == .other
            }
            switch term.comparison {
            case .equal: return value == term.text
            case .other: return value != term.text
            case .containing: return value.lowercased().contains(term.text.lowercased())
            }
        }
    }

    /// What stands in a field; nil if the event has none.
    private static func value(
        _ field: Field,
        _ event: Event,
        _ exposure: Exposure?,
        _ environment: String,
        _ keyKind: String
    ) -> String? {
        let kind = exposure?.kind.name ?? "custom"
        switch field {
        case .name: return exposure?.name ?? event.name
        case .gate, .config, .layer: return kind == field.rawValue ? exposure?.name : nil
        case .event: return exposure == nil ? event.name : nil
        case .unit: return event.unitID
        case .rule: return exposure?.ruleID
        case .value:
            if case .gate(let passes?) = exposure?.kind { return passes ? "true" : "false" }
            return event.value.flatMap(Exposure.text)
        case .reason: return exposure?.reason
        case .environment: return environment
        case .kind: return kind
        case .key: return keyKind
        }
    }

    private static func term(_ word: String) throws(Mistake) -> Term {
        guard let sign = word.firstIndex(where: { "=!~".contains($0) }) else {
            return Term(field: nil, comparison: .containing, text: word)
        }
        let rest = word[sign...]
        let (comparison, length): (Comparison, Int)
        switch rest {
        case _ where rest.hasPrefix("!="): (comparison, length) = (.other, 2)
        case _ where rest.hasPrefix("="): (comparison, length) = (.equal, 1)
        case _ where rest.hasPrefix("~"): (comparison, length) = (.containing, 1)
        default:
            throw Mistake(
                description: "\"\(word)\" is no term of a filter; write FIELD=TEXT, FIELD!=TEXT or FIELD~TEXT"
            )
        }
        guard let field = Field(rawValue: String(word[..<sign])) else {
            let fields = Field.allCases.map(\.rawValue).joined(separator: ", ")
            throw Mistake(description: "There is no field \"\(word[..<sign])\" to filter by; there are \(fields)")
        }
        return Term(field: field, comparison: comparison, text: String(rest.dropFirst(length)))
    }

    /// Divides at spaces that are not in double quotes, which are dropped.
    private static func words(_ text: String) throws(Mistake) -> [String] {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        for character in text {
            if character == "\"" {
                isQuoted.toggle()
                word = word ?? ""
            } else if character.isWhitespace, !isQuoted {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        guard !isQuoted else { throw Mistake(description: "A double quote in the filter is not closed") }
        if let word { words.append(word) }
        return words
    }
}
