// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateTestSupport
import Testing

@Suite("Answers of Statsig's Rust core") struct GoldenTests {
    @Test(arguments: [
        "eval_proj", "demo_proj", "check_gate_perf", "dcs_missing_gates", "dcs_non_case_sensitive",
        "dcs_user_agent_versions", "dcs_with_analytical_exposure_sampling", "dcs_with_sampling",
        "dcs_target_app_filtering", "big_number", "shared_dict",
    ])
    func `every entity answers every user alike`(name: String) throws {
        guard let lines = try Golden.lines("golden-\(name)"), let head = lines.first,
            let ruleset = try Golden.ruleset(head)
        else { return }
        var tally = Tally()
        for line in lines.dropFirst() {
            GoldenUser(line: line, head: head, ruleset: ruleset).compare(&tally)
        }
        print("golden-\(name): \(tally.compared - tally.different) of \(tally.compared) comparisons agree")
        #expect(tally.different == 0, "\(tally.differences.joined(separator: "\n"))")
    }

    @Test(arguments: ["eval_proj", "demo_proj", "target_app", "target_app_hashed"])
    func `client-initialize responses are alike, member for member`(name: String) throws {
        guard let lines = try Golden.lines("golden-client-initialize-\(name)"), let head = lines.first,
            let ruleset = try Golden.ruleset(head)
        else { return }
        let values = head["values"]?.arrayValue ?? []
        var tally = Tally()
        for (number, line) in lines.dropFirst().enumerated() {
            let surroundings = Golden.surroundings(head, tier: line["env"])
            let evaluator = Evaluator(ruleset, from: .network, surroundings: surroundings)
            var options = ClientResponseOptions()
            options.hash = try #require(NameHash(rawValue: line["hash"]?.stringValue ?? ""))
            options.clientSDKKey = line["client_sdk_key"]?.stringValue
            let user = FloodgateUser(json: line["user"] ?? .null)
            var found = evaluator.clientInitializeResponse(for: user, options: options)
            let wanted = line["response"]?.objectValue ?? JSONObject()
            if wanted["can_record_session"] == nil { found["can_record_session"] = nil }
            tally.compare(
                .array(found.names.sorted().map(JSONValue.string)),
                .array(wanted.names.sorted().map(JSONValue.string)),
                "line \(number): members"
            )
            for member in wanted {
                switch member.name {
                case "feature_gates", "dynamic_configs", "layer_configs":
                    let entries = member.value.objectValue ?? JSONObject()
                    let ours = found[member.name]?.objectValue ?? JSONObject()
                    tally.compare(.integer(ours.count), .integer(entries.count), "line \(number): \(member.name)")
                    for entry in entries {
                        var expected = entry.value.objectValue ?? JSONObject()
                        if member.name != "feature_gates", let index = expected["value"]?.integerValue {
                            expected["value"] = values[Int(index)]
                        }
                        tally.compare(ours[entry.name] ?? .null, .object(expected), "line \(number): \(entry.name)")
                    }
                default: tally.compare(found[member.name] ?? .null, member.value, "line \(number): \(member.name)")
                }
            }
        }
        print("golden-client-initialize-\(name): \(tally.compared - tally.different) of \(tally.compared) agree")
        #expect(tally.different == 0, "\(tally.differences.joined(separator: "\n"))")
    }
}

/// One line of a golden file: what every entity answers one user.
private struct GoldenUser {
    let line: JSONValue
    let head: JSONValue
    let evaluator: Evaluator
    let user: FloodgateUser

    init(line: JSONValue, head: JSONValue, ruleset: Ruleset) {
        self.line = line
        self.head = head
        evaluator = Evaluator(ruleset, from: .network, surroundings: Golden.surroundings(head, tier: line["env"]))
        user = FloodgateUser(json: line["user"] ?? .null)
    }

    func compare(_ tally: inout Tally) {
        let label = line["user"]?.text ?? ""
        for gate in line["gates"]?.objectValue ?? JSONObject() {
            let found = evaluator.gate(gate.name, for: user)
            var exposures = found.secondaryExposures.withoutDuplicates.json
            if gate.value.arrayValue?[2].isNull == true { exposures = .null }
            tally.compare(
                [.bool(found.value), .string(found.ruleID), exposures],
                wanted(gate.value, exposures: [2]),
                "gate \(gate.name) \(label)"
            )
            tally.compare(
                facts(found.idType, found.version, found.details),
                fact("gates/\(gate.name)"),
                "gate \(gate.name) facts"
            )
        }
        for config in line["configs"]?.objectValue ?? JSONObject() {
            let found = evaluator.dynamicConfig(config.name, for: user)
            var passed: JSONValue = .bool(found.passed)
            if config.value.arrayValue?[2].isNull == true { passed = .null }
            tally.compare(
                [.object(found.value ?? JSONObject()), .string(found.ruleID), passed],
                wanted(config.value, value: true),
                "config \(config.name) \(label)"
            )
            tally.compare(
                facts(found.idType, found.version, found.details),
                fact("configs/\(config.name)"),
                "config \(config.name) facts"
            )
        }
        for experiment in line["experiments"]?.objectValue ?? JSONObject() {
            let found = evaluator.experiment(experiment.name, for: user)
            var isIn: JSONValue = .bool(found.isUserInExperiment)
            if experiment.value.arrayValue?[4].isNull == true { isIn = .null }
            tally.compare(
                [
                    .object(found.value ?? JSONObject()), .string(found.ruleID), .text(found.groupName),
                    .bool(found.isExperimentActive), isIn, found.secondaryExposures.json,
                ],
                wanted(experiment.value, value: true, exposures: [5]),
                "experiment \(experiment.name) \(label)"
            )
            tally.compare(
                facts(found.idType, found.version, found.details),
                fact("experiments/\(experiment.name)"),
                "experiment \(experiment.name) facts"
            )
        }
        for layer in line["layers"]?.objectValue ?? JSONObject() { compare(layer, &tally, label) }
    }

    private func compare(_ layer: JSONObject.Member, _ tally: inout Tally, _ label: String) {
        let found = evaluator.layer(layer.name, for: user)
        var isIn: JSONValue = .bool(found.isUserInExperiment)
        if layer.value.arrayValue?[4].isNull == true { isIn = .null }
        tally.compare(
            [
                .object(found.value ?? JSONObject()), .string(found.ruleID), .text(found.groupName),
                .bool(found.isExperimentActive), isIn, .text(found.allocatedExperiment),
                .array(found.explicitParameters.map(JSONValue.string)), found.secondaryExposures.json,
                found.undelegatedSecondaryExposures.withoutDuplicates.json,
            ],
            wanted(layer.value, value: true, exposures: [7, 8]),
            "layer \(layer.name) \(label)"
        )
        tally.compare(
            facts(found.idType, found.version, found.details),
            fact("layers/\(layer.name)"),
            "layer \(layer.name) facts"
        )
    }

    private func wanted(_ entry: JSONValue, value: Bool = false, exposures: [Int] = []) -> JSONValue? {
        guard var items = entry.arrayValue else { return nil }
        if value, let index = items[0].integerValue { items[0] = head["values"]?.arrayValue?[Int(index)] ?? .null }
        for position in exposures {
            if let index = items[position].integerValue {
                items[position] = head["exposures"]?.arrayValue?[Int(index)] ?? .null
            }
        }
        return .array(items)
    }

    private func facts(_ idType: String, _ version: UInt32?, _ details: EvaluationDetails) -> JSONValue {
        [
            .string(idType), version.map { .integer(Int64($0)) } ?? .null, .string(details.reason.wireName),
            details.usedIDList ? "IdListInMemory" : "",
        ]
    }

    private func fact(_ name: String) -> JSONValue? { line["facts"]?[name] ?? head["facts"]?[name] }
}
