// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
package import FloodgateSpecs

/// A condition as a phrase: whom or what it looks at, how it compares, and with what.
package struct ConditionInWords {
    /// Whom or what, as in `country`; for people.
    package let subject: String
    /// How, as in `is one of`.
    package let relation: String
    /// With what, as in `CA`, `US`.
    package let targets: [String]
    /// How many more targets there are than `targets` shows.
    package let moreTargets: Int
    /// The gate, segment or holdout that is asked, by name.
    package let gate: String?
    /// Whether not passing that gate is what counts.
    package let isNegated: Bool
    /// Whether the subject belongs to the user, unlike the time or the environment.
    package let isAboutUsers: Bool

    private static let shownTargets = 8

    package init(_ condition: Condition) {
        self.isAboutUsers = ["user_field", "ip_based", "ua_based", "user_bucket", "unit_id"].contains(condition.type)
        let target = condition.targetValue ?? .null
        switch condition.type {
        case "public":
            (self.subject, self.relation, self.targets, self.moreTargets) = ("everyone", "", [], 0)
        case "pass_gate", "fail_gate":
            let name = target.stringValue ?? ValueInWords.short(target)
            self.gate = name
            self.isNegated = condition.type == "fail_gate"
            (self.subject, self.relation, self.targets, self.moreTargets) = ("", "", [name.withoutSegmentPrefix], 0)
            return
        default:
            self.subject = Self.subject(condition)
            self.relation = Self.relation(condition.operator)
            let items: [String] =
                switch target {
                case .null: ["nothing"]
                case .array(let items): items.map { ValueInWords.short($0, limit: 40) }
                case .object(let members): members.names
                default: [Self.target(target, of: condition)]
                }
            self.targets = Array(items.prefix(Self.shownTargets))
            self.moreTargets = items.count - self.targets.count
        }
        self.gate = nil
        self.isNegated = false
    }

    /// The words before the subject, as in `For those whose`.
    func lead(isFirst: Bool) -> String {
        if isAboutUsers { return isFirst ? "For those whose" : "and whose" }
        return isFirst ? "When" : "and when"
    }

    /// The phrase before the name of the gate that is asked.
    func gateRelation(_ kind: EntityKind?) -> String {
        switch kind {
        case .segment: isNegated ? "those not in segment" : "those in segment"
        case .holdout: isNegated ? "those not held out by" : "those held out by"
        default: isNegated ? "those who do not pass gate" : "those who pass gate"
        }
    }

    /// In a few words, as in `of those in segment loyal`.
    func ofWhom(among names: EntityNames) -> String {
        let shown = targets.prefix(3).joined(separator: ", ") + (targets.count > 3 || moreTargets > 0 ? ", …" : "")
        if let gate { return "of \(gateRelation(names.kind(gate))) \(shown)" }
        let what = subject.split(separator: " (").first.map(String.init) ?? subject
        return ["where", what, relation, shown].filter { !$0.isEmpty }.joined(separator: " ")
    }

    private static func subject(_ condition: Condition) -> String {
        let field = condition.field ?? "attribute"
        switch condition.type {
        case "user_field": return field
        case "ip_based": return field == "country" ? "country (also from the IP address)" : field
        case "ua_based": return "\(field) (also from the user agent)"
        case "environment_field": return "the environment’s \(field)"
        case "current_time": return "the time"
        case "user_bucket": return "\(condition.idType)’s bucket (0 to 999)"
        case "unit_id": return condition.idType
        case "target_app": return "the app"
        case "experiment_group": return "the group in experiment \(field)"
        default: return "\(condition.type) (not supported, never passes)"
        }
    }

    private static func target(_ value: JSONValue, of condition: Condition) -> String {
        guard condition.type == "current_time", let time = value.integerValue, time > 0 else {
            return ValueInWords.short(value)
        }
        return TimeText(time, now: time).exact
    }

    private static func relation(_ name: String?) -> String {
        guard let name else { return "" }
        return relations[name] ?? name
    }

    private static let relations = [
        "any": "is one of", "none": "is none of",
        "any_case_sensitive": "is exactly one of", "none_case_sensitive": "is exactly none of",
        "gt": "is above", "gte": "is at least", "lt": "is below", "lte": "is at most",
        "eq": "equals", "neq": "does not equal",
        "version_gt": "is a version after", "version_gte": "is at least version",
        "version_lt": "is a version before", "version_lte": "is at most version",
        "version_eq": "is version", "version_neq": "is not version",
        "str_starts_with_any": "starts with", "str_ends_with_any": "ends with",
        "str_contains_any": "contains", "str_contains_none": "contains none of",
        "str_matches": "matches the pattern",
        "before": "is before", "after": "is after", "on": "is on the day of",
        "in_segment_list": "is on the list", "not_in_segment_list": "is not on the list",
        "array_contains_any": "includes one of", "array_contains_none": "includes none of",
        "array_contains_all": "includes all of", "not_array_contains_all": "does not include all of",
    ]
}

extension String {
    /// The name of a segment without what marks it as one.
    var withoutSegmentPrefix: String { hasPrefix("segment:") ? String(dropFirst("segment:".count)) : self }
}
