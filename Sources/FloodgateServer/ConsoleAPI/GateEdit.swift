// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs

/// What a request wants of a gate, checked in full before anything is changed.
struct GateEdit {
    struct Percentage {
        var ruleID: String
        var percent: Double
    }

    var isEnabled: Bool?
    var percentages: [Percentage] = []

    /// Reads the body of `PATCH /gates/{id}`: members that say what is so already are fine, others must be known.
    init(gate body: JSONObject, of gate: Entity, in state: ControlState) throws {
        let current = ConsoleEntity.json(gate, in: state)
        for member in body {
            switch member.name {
            case "isEnabled":
                guard let flag = member.value.boolValue else {
                    throw ServerError(.invalid, "isEnabled must be true or false", pointer: "/isEnabled")
                }
                isEnabled = flag
            case "rules": try read(rules: member.value, of: gate)
            default: try Self.check(member, current, pointer: "")
            }
        }
    }

    /// Reads the body of `PATCH /gates/{id}/rules`: rules matched by id; none is added and none removed.
    init(rules body: JSONObject, of gate: Entity) throws {
        guard let rules = body["rules"] else {
            throw ServerError(.invalid, "The body must be {\"rules\": […]}", pointer: "/rules")
        }
        try read(rules: rules, of: gate)
    }

    /// Reads the body of `PATCH /gates/{id}/rules/{ruleID}`.
    init(rule body: JSONObject, ruleID: String, of gate: Entity) throws {
        var body = body
        if body["id"] == nil { body["id"] = .string(ruleID) }
        guard body["id"]?.stringValue == ruleID else {
            throw ServerError(.invalid, "The id in the body is not that of the path", pointer: "/id")
        }
        try read(rule: .object(body), of: gate, pointer: "")
    }

    private mutating func read(rules: JSONValue, of gate: Entity) throws {
        guard let rules = rules.arrayValue else {
            throw ServerError(.invalid, "rules must be a list", pointer: "/rules")
        }
        for (index, rule) in rules.enumerated() { try read(rule: rule, of: gate, pointer: "/rules/\(index)") }
    }

    private mutating func read(rule: JSONValue, of gate: Entity, pointer: String) throws {
        guard let members = rule.objectValue, let id = members["id"]?.stringValue else {
            throw ServerError(.invalid, "A rule must be an object with its id", pointer: pointer + "/id")
        }
        let matches = gate.spec.rules.filter { $0.id == id }
        guard let current = matches.first else {
            throw ServerError(.notFound, "\(gate.name) has no rule with the id \"\(id)\"", pointer: pointer + "/id")
        }
        guard matches.count == 1 else {
            throw ServerError(
                .invalid,
                "\(matches.count) rules of \(gate.name) have the id \"\(id)\"",
                pointer: pointer + "/id"
            )
        }
        guard !percentages.contains(where: { $0.ruleID == id }) else {
            throw ServerError(.invalid, "The rule \"\(id)\" is named twice", pointer: pointer + "/id")
        }
        for member in members where member.name != "passPercentage" {
            try Self.check(member, current.consoleJSON, pointer: pointer)
        }
        guard let value = members["passPercentage"] else { return }
        guard let percent = value.doubleValue else {
            throw ServerError(
                .invalid,
                "passPercentage must be a number from 0 to 100",
                pointer: pointer + "/passPercentage"
            )
        }
        do { _ = try Rollout.percentage(percent) } catch {
            throw ServerError(.invalid, error.message, pointer: pointer + "/passPercentage")
        }
        percentages.append(Percentage(ruleID: id, percent: percent))
    }

    private static func check(_ member: JSONObject.Member, _ current: JSONObject, pointer: String) throws {
        if let value = current[member.name], value.isEquivalent(to: member.value) { return }
        throw ServerError(
            .invalid,
            "\(member.name) cannot be changed by this route yet; it takes isEnabled and the passPercentage of rules",
            pointer: pointer + "/" + member.name
        )
    }
}
