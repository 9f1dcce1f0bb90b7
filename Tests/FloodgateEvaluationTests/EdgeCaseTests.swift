// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs
import Testing

@Suite("Edge cases of Statsig's Rust core") struct EdgeCaseTests {
    @Test func `every recorded case comes out as in the core`() throws {
        guard let cases = try Golden.lines("golden-edge") else { return }
        var tally = Tally()
        for item in cases where item["id"] != nil { try compare(item, &tally) }
        print(
            "golden-edge: \(tally.compared - tally.different) of \(tally.compared) expectations in \(cases.count) cases"
        )
        #expect(tally.different == 0, "\(tally.differences.joined(separator: "\n"))")
    }

    private func compare(_ item: JSONValue, _ tally: inout Tally) throws {
        let id = item["id"]?.stringValue ?? ""
        let document = try #require(try SpecDocument.read(item["specs"] ?? .null))
        let options = item["options"] ?? .null
        var surroundings = Surroundings(now: { 1_795_336_375_944 })
        if let tier = options["environment"], !tier.isNull { surroundings.environment = ["tier": tier] }
        surroundings.globalCustomFields = options["global_custom_fields"]?.objectValue ?? JSONObject()
        for list in options["id_lists"]?.objectValue ?? JSONObject() {
            surroundings.idLists[list.name] = IDList(ids: Set(list.value.arrayValue?.compactMap(\.stringValue) ?? []))
        }
        let ruleset = try Ruleset(compiling: document, receivedAt: 0)
        let evaluator = Evaluator(ruleset, from: .network, surroundings: surroundings)
        let user = FloodgateUser(json: item["user"] ?? .null)
        for call in item["calls"]?.arrayValue ?? [] {
            let parts = call.arrayValue ?? []
            let (api, name) = (parts[0].stringValue ?? "", parts[1].stringValue ?? "")
            let found = answer(api, name, evaluator, user)
            for expected in parts[2].objectValue ?? JSONObject() {
                tally.compare(found[expected.name] ?? .null, expected.value, "\(id) \(api) \(name) \(expected.name)")
            }
        }
    }

    private func answer(_ api: String, _ name: String, _ evaluator: Evaluator, _ user: FloodgateUser) -> JSONObject {
        var object = JSONObject()
        var details: EvaluationDetails?
        var version: UInt32?
        let section: String
        switch api {
        case "gate":
            let found = evaluator.gate(name, for: user)
            section = "feature_gates"
            object["value"] = .bool(found.value)
            object["rule_id"] = .string(found.ruleID)
            object["secondary_exposures"] = found.secondaryExposures.json
            (details, version) = (found.details, found.version)
        case "config", "experiment":
            let found =
                api == "config" ? evaluator.dynamicConfig(name, for: user) : evaluator.experiment(name, for: user)
            section = "dynamic_configs"
            object["value"] = found.value.map(JSONValue.object) ?? .null
            object["rule_id"] = .string(found.ruleID)
            object["group_name"] = .text(found.groupName)
            object["is_experiment_active"] = .bool(found.isExperimentActive)
            object["secondary_exposures"] = found.secondaryExposures.json
            (details, version) = (found.details, found.version)
        default:
            let found = evaluator.layer(name, for: user)
            section = "layer_configs"
            object["value"] = found.value.map(JSONValue.object) ?? .null
            object["rule_id"] = .string(found.ruleID)
            object["group_name"] = .text(found.groupName)
            object["is_experiment_active"] = .bool(found.isExperimentActive)
            object["allocated"] = .text(found.allocatedExperiment)
            object["secondary_exposures"] = found.secondaryExposures.json
            (details, version) = (found.details, found.version)
        }
        object["version"] = version.map { .integer(Int64($0)) } ?? .null
        switch details?.reason {
        case .recognized: object["outcome"] = "Recognized"
        case .unrecognized: object["outcome"] = "Unrecognized"
        case .unsupported: object["outcome"] = "Unsupported"
        case .error: object["outcome"] = "Error"
        default: object["outcome"] = "Other"
        }
        var options = ClientResponseOptions()
        options.hash = .none
        let response = JSONValue.object(evaluator.clientInitializeResponse(for: user, options: options))
        let entry = response[section]?[name]
        object["client_exposures"] = entry?["secondary_exposures"] ?? .null
        object["client_undelegated"] = entry?["undelegated_secondary_exposures"] ?? .null
        object["client_explicit"] = entry?["explicit_parameters"] ?? .null
        object["client_in_experiment"] = entry?["is_user_in_experiment"] ?? .null
        object["client_rule_ids"] = entry?["parameter_rule_ids"] ?? .null
        return object
    }
}
