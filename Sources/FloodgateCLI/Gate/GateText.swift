// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs

/// Gates in plain words.
enum GateText {
    static func show(_ gate: Entity, in state: ControlState, asJSON: Bool) throws {
        let object = ConsoleEntity.json(gate, in: state)
        if asJSON { return print(JSONValue.object(object).text) }
        print("\(gate.name): \(gate.isEnabled ? "on" : "off")")
        if !gate.description.isEmpty { print(gate.description) }
        print(
            "by \(gate.spec.idType), version \(gate.spec.version.map(String.init) ?? "unknown"), last changed by "
                + "\(gate.modifiedBy) at \(SystemClock.text(gate.modifiedTime))"
        )
        for (index, rule) in gate.spec.rules.enumerated() {
            print("\(index + 1). \(rule.name) (\(rule.id)): \(percentage(rule.passPercentage.doubleValue)) %")
            for reference in rule.conditions {
                guard case .inline(let condition) = reference, condition.type != "public" else { continue }
                print("     where \(text(condition))")
            }
        }
        if gate.spec.rules.isEmpty { print("no rules: everyone gets false") }
    }

    /// All rules in one line.
    static func rules(_ gate: Entity) -> String {
        if gate.spec.rules.isEmpty { return "none" }
        return gate.spec.rules.map { "\($0.name) \(percentage($0.passPercentage.doubleValue)) %" }.joined(
            separator: ", "
        )
    }

    /// Without a fraction of zero.
    static func percentage(_ percent: Double) -> String {
        Int64(exactly: percent).map(String.init) ?? String(percent)
    }

    private static func text(_ condition: Condition) -> String {
        let members = ConsoleCondition.json(condition)
        let subject = members["field"]?.stringValue ?? members["customID"]?.stringValue ?? members["type"]?.stringValue
        let parts = [subject, members["operator"]?.stringValue, members["targetValue"]?.text]
        return parts.compactMap { $0 }.joined(separator: " ")
    }
}
