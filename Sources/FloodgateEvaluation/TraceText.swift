// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// The lines of a trace, each indented by how deep it lies.
struct TraceText {
    private(set) var lines: [String] = []
    private var depth = 0

    mutating func line(_ text: String) {
        lines.append(text.isEmpty ? "" : String(repeating: "  ", count: depth) + text)
    }

    mutating func indented(_ body: (inout TraceText) -> Void) {
        depth += 1
        body(&self)
        depth -= 1
    }

    // MARK: Values

    /// Items of a list that are shown.
    private static let shownItems = 8
    private static let shownCharacters = 200

    /// A name as it is if nothing in it can be misread, else as JSON.
    static func name(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || "0123456789_-.:/".unicodeScalars.contains(scalar)
        }
        return isPlain && !text.isEmpty ? text : safe(JSONValue.string(text).text)
    }

    static func value(_ value: JSONValue?) -> String {
        guard let value else { return "nothing" }
        var text = value.text
        if case .array(let items) = value, items.count > shownItems {
            let shown = items.prefix(shownItems).map(\.text).joined(separator: ",")
            text = "[\(shown), … \(items.count - shownItems) more]"
        }
        return safe(text.unicodeScalars.count <= shownCharacters ? text : text.prefix(shownCharacters - 1) + "…")
    }

    /// Without control characters, also those beyond ASCII, and without what turns the direction of writing.
    private static func safe(_ text: String) -> String {
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                let digits = String(scalar.value, radix: 16)
                safe.append(contentsOf: "\\u{\(digits)}".unicodeScalars)
            default: safe.append(scalar)
            }
        }
        return String(safe)
    }

    static func mark(_ verdict: Explanation.Verdict) -> String {
        switch verdict {
        case .passed: "✓"
        case .failed: "✗"
        case .unsupported, .unfinished: "!"
        }
    }

    static func number(_ value: Double) -> String { JSONValue.shortest(value).text }

    // MARK: Entities

    /// An entity that was asked on the way: its head, and below what led to its answer.
    private mutating func entity(_ evaluation: Explanation.Evaluation) {
        let kind = evaluation.kind.replacing("_", with: " ")
        let value = Self.value(evaluation.value)
        let rule = evaluation.ruleID.isEmpty ? "" : " (rule \(Self.name(evaluation.ruleID)))"
        let again = evaluation.isRemembered ? ", as before" : ""
        line("\(kind) \(Self.name(evaluation.name)) = \(value)\(rule)\(again)")
        indented { $0.body(of: evaluation) }
    }

    /// Everything below an entity's head.
    mutating func body(of evaluation: Explanation.Evaluation) {
        switch evaluation.status {
        case .unrecognized: line("! the document does not know the name")
        case .overridden where evaluation.rules.isEmpty && evaluation.mappings.isEmpty:
            line("→ a local override answers")
        case .unfinished: line("! given up: nested too deep, or in a circle")
        default: break
        }
        for mapping in evaluation.mappings { self.mapping(mapping) }
        if let gate = evaluation.targeting.first {
            line("targeting:")
            indented { $0.entity(gate) }
        }
        if let choice = evaluation.choice { self.choice(choice) }
        for (index, rule) in evaluation.rules.enumerated() { self.rule(rule, "rule \(index + 1)") }
        ending(of: evaluation)
        if evaluation.isCut { line("! more than can be shown here") }
    }

    private mutating func ending(of evaluation: Explanation.Evaluation) {
        guard evaluation.status == .recognized, !evaluation.isRemembered, evaluation.kind != "contextual_bandit" else {
            return
        }
        let left = evaluation.ruleCount - evaluation.rules.count
        let isMapped = evaluation.mappings.contains { !$0.evaluation.isEmpty } && evaluation.rules.isEmpty
        if evaluation.parameterRuleIDs != nil {
            let ids = evaluation.parameterRuleIDs ?? JSONObject()
            for member in ids { line("\(Self.name(member.name)) by rule \(Self.name(member.value.stringValue ?? ""))") }
        } else if isMapped {
            return
        } else if evaluation.rules.last?.verdict == .passed {
            if left > 0 { line("\(left) more rule\(left == 1 ? "" : "s") not reached") }
        } else if evaluation.ruleCount == 0 {
            line("no rules: the default \(Self.value(evaluation.value))")
        } else {
            line("no rule passes: the default \(Self.value(evaluation.value))")
        }
        if evaluation.isEnabled == false { line("switched off") }
    }

    private mutating func mapping(_ mapping: Explanation.Mapping) {
        line("mapping to \(Self.name(mapping.newName)):")
        indented { tree in
            guard mapping.hasStarted else {
                return tree.line("✗ begins at \(Timestamps.text(ofMilliseconds: mapping.startTime ?? 0))")
            }
            if let rule = mapping.rule { tree.rule(rule, "rule") }
            for evaluation in mapping.evaluation { tree.entity(evaluation) }
        }
    }

    private mutating func choice(_ choice: Explanation.Choice) {
        let group = "group \(Self.name(choice.groupName)) (\(Self.name(choice.groupID)))"
        switch choice.way {
        case .bucket: line("→ \(group) by bucket \(choice.bucket) of 10000, there being no models")
        case .explore:
            line("→ \(group) by chance: bucket \(choice.bucket) < \(Self.number(choice.threshold ?? 0)) explores")
        case .exploit:
            line("→ \(group): bucket \(choice.bucket) >= \(Self.number(choice.threshold ?? 0)) takes the best score")
        }
        indented { tree in
            for score in choice.scores {
                tree.line("\(Self.name(score.groupID)): \(score.score.map(Self.number) ?? "no score")")
            }
        }
    }

    // MARK: Rules

    private mutating func rule(_ rule: Explanation.Rule, _ label: String) {
        let name = rule.name.map { " \(Self.value(.string($0)))" } ?? ""
        let group = rule.groupName.map { ", group \(Self.name($0))" } ?? ""
        line("\(Self.mark(rule.verdict)) \(label)\(name) (\(Self.name(rule.id))\(group))")
        indented { tree in
            for condition in rule.conditions { tree.condition(condition) }
            if rule.conditions.isEmpty { tree.line("✓ no conditions") }
            if let share = rule.share { tree.share(share) }
            for delegate in rule.delegate {
                tree.line("→ decided by")
                tree.indented { $0.entity(delegate) }
            }
        }
    }

    private mutating func share(_ share: Explanation.Share) {
        let mark = share.passes ? "✓" : "✗"
        var text = "\(mark) pass percentage \(Self.number(share.percentage))"
        if let bucket = share.bucket {
            text += ": bucket \(bucket) \(share.passes ? "<" : ">=") \(Self.number(share.threshold))"
            text += " by \(Self.name(share.unit)), SHA-256 of \(Self.value(.string(share.hashed ?? "")))"
        }
        line(text)
        if !share.passes { line("  the rule decides, with the default in place of its value") }
    }

    private mutating func condition(_ condition: Explanation.Condition) {
        line("\(Self.mark(condition.verdict)) \(words(condition))")
        indented { tree in
            for evaluation in condition.asked { tree.entity(evaluation) }
        }
    }

    private func words(_ condition: Explanation.Condition) -> String {
        let target = Self.value(condition.targetValue ?? .null)
        switch condition.type {
        case "public": return "everyone"
        case "pass_gate", "fail_gate":
            return "\(condition.type) \(Self.name(condition.targetValue?.stringValue ?? ""))"
        case "missing": return "condition \(target) is not in the document"
        default: break
        }
        var parts = ["\(subject(condition)):"]
        if condition.verdict == .unsupported {
            let name = condition.operator.map { " with operator \(Self.name($0))" } ?? ""
            return "\(Self.name(condition.type))\(name) is unknown to evaluators"
        }
        parts.append(Self.value(condition.value))
        parts.append(condition.operator ?? "")
        parts.append(target)
        if condition.type == "current_time" { parts = ["the time:"] + times(condition) }
        if condition.hasList == false {
            parts.append("(there is no such list)")
        } else if let list = condition.listID {
            parts.append("(looked up as \(Self.name(list)))")
        }
        if let hashed = condition.hashed { parts.append("(SHA-256 of \(Self.value(.string(hashed))))") }
        return parts.joined(separator: " ")
    }

    private func times(_ condition: Explanation.Condition) -> [String] {
        func text(_ value: JSONValue?) -> String {
            value?.integerValue.map { Timestamps.text(ofMilliseconds: $0) } ?? Self.value(value)
        }
        return [text(condition.value), condition.operator ?? "", text(condition.targetValue)]
    }

    private func subject(_ condition: Explanation.Condition) -> String {
        let field = Self.name(condition.field ?? "")
        switch condition.type {
        case "ip_based": return "\(field) (or by IP address)"
        case "ua_based": return "\(field) (or by user agent)"
        case "environment_field": return "environment \(field)"
        case "user_bucket": return "bucket of 1000 by \(Self.name(condition.unit ?? ""))"
        case "unit_id": return Self.name(condition.unit ?? "")
        case "target_app": return "app"
        case "experiment_group": return "group in experiment \(field)"
        default: return field
        }
    }

    // MARK: Parameter stores

    mutating func parameters(_ parameters: [Explanation.Parameter]?) {
        guard let parameters else { return }
        if parameters.isEmpty { line("no parameters") }
        var shown: Set<Explanation.Parameter.Source> = []
        for parameter in parameters {
            var text = "\(Self.name(parameter.name)) = \(Self.value(parameter.value))"
            guard var source = parameter.source else {
                line(text + (parameter.value == nil ? "" : " (static)"))
                continue
            }
            text += " from \(source.kind.words) \(Self.name(source.name))"
            if let inner = source.parameter { text += ", parameter \(Self.name(inner))" }
            source.parameter = nil
            let isShown = !shown.insert(source).inserted
            line(text + (isShown ? ", as above" : ""))
            if isShown { continue }
            if let trace = parameter.trace { indented { $0.entity(trace) } }
        }
    }
}
