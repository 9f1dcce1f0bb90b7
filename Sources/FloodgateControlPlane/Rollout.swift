// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON
package import FloodgateSpecs

/// The share of units that a gate lets through, and which of its rules decides on it.
package enum Rollout {
    enum Target {
        case rule(Int)
        case newRule
    }

    /// `percent` as a document holds it.
    /// - Throws: `.invalid` if it is not from 0 to 100 or has more than four decimals.
    package static func percentage(_ percent: Double) throws(ControlError) -> JSONNumber {
        guard percent.isFinite, percent >= 0, percent <= 100 else {
            throw ControlError(.invalid, "\(percent) is not a percentage; write a number from 0 to 100")
        }
        let scaled = (percent * 10_000).rounded()
        guard scaled / 10_000 == percent else {
            throw ControlError(.invalid, "\(percent) is too fine; write a number from 0 to 100 with at most 4 decimals")
        }
        if let whole = Int64(exactly: percent) { return .integer(whole) }
        return .double(percent)
    }

    static func target(in gate: Entity, ruleID: String?, holdouts: Set<String>) throws(ControlError) -> Target {
        let rules = gate.spec.rules
        if let ruleID {
            let matches = rules.indices.filter { rules[$0].id == ruleID }
            guard let index = matches.first else {
                throw .notFound("rule of \(gate.name)", ruleID, among: rules.map(\.id))
            }
            guard matches.count == 1 else {
                throw ControlError(.invalid, "\(matches.count) rules of \(gate.name) have the id \"\(ruleID)\"")
            }
            return .rule(index)
        }
        let candidates = rules.indices.filter { !rules[$0].isIDOverride && !rules[$0].isHoldout(among: holdouts) }
        guard let last = candidates.last else { return .newRule }
        if candidates.count == 1 || rules[last].isPublic { return .rule(last) }
        let ids = candidates.map { "\"\(rules[$0].id)\" (\(rules[$0].name))" }.joined(separator: ", ")
        throw ControlError(.invalid, "\(gate.name) has several rules; say which one to roll out: \(ids)")
    }

    /// A rule for everyone, to stand after all others.
    static func everyone(id: String, salt: String, _ percentage: JSONNumber, of spec: Spec) -> Rule {
        Rule(
            id: id,
            name: "Everyone",
            salt: salt,
            passPercentage: percentage,
            conditions: [.inline(Condition(type: "public", idType: spec.idType))],
            returnValue: true,
            idType: spec.idType
        )
    }
}

extension Rule {
    /// Whether the rule only decides on units that are listed by ID.
    package var isIDOverride: Bool { id.hasSuffix(":id_override") || id.hasSuffix(":override") }

    /// Whether the rule is for everyone.
    package var isPublic: Bool {
        guard !conditions.isEmpty else { return true }
        return conditions.allSatisfy { reference in
            guard case .inline(let condition) = reference else { return false }
            return condition.type == "public"
        }
    }

    /// The holdout that keeps units out by this rule, if it is one of `holdouts`.
    package func holdout(among holdouts: Set<String>) -> String? {
        guard conditions.count == 1, case .inline(let condition) = conditions[0], condition.type == "pass_gate",
            let name = condition.targetValue?.stringValue, holdouts.contains(name)
        else { return nil }
        return name
    }

    func isHoldout(among holdouts: Set<String>) -> Bool { holdout(among: holdouts) != nil }
}
