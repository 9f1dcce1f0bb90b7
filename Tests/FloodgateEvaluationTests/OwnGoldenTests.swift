// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateGzip
import FloodgateJSON
import FloodgateSpecs
import FloodgateTestSupport
import Testing

/// Documents and users of our own with what Statsig's Rust core answered.
///
/// `FLOODGATE_RECORD=1 make fuzz-eval` records them anew; `Scripts/differential/record.py` says what the lines hold.
@Suite("Recorded answers of Statsig's Rust core") struct OwnGoldenTests {
    @Test func `every recorded case comes out alike`() throws {
        let file = "Tests/Fixtures/evaluation.jsonl.gz"
        let packed = try #require(SharedData.repositoryBytes(file), "\(file) is missing from this clone")
        let text = try Gzip.decompress(packed, limit: 256 << 20)
        let lines = try text.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: Array($0)) }
        let now = try #require(lines.first?["evaluated_at_ms"]?.integerValue)
        var tally = Tally()
        for (number, line) in lines.enumerated().dropFirst() {
            try RecordedCase(line: line, label: "line \(number + 1)", now: now).compare(&tally)
        }
        print("\(file): \(tally.compared - tally.different) of \(tally.compared) agree in \(lines.count - 1) cases")
        #expect(tally.different == 0, "\(tally.differences.joined(separator: "\n"))")
    }
}

/// One recorded document with its users.
private struct RecordedCase {
    let line: JSONValue
    let label: String
    let now: Int64

    func compare(_ tally: inout Tally) throws {
        let document = (try? SpecDocument.read(line["specs"] ?? .null)).flatMap(\.self)
        tally.compare(.bool(document != nil), .bool(line["error"] == nil), "\(label): the document is accepted")
        guard let document, line["error"] == nil else { return }
        let evaluator = Evaluator(
            Ruleset(compiling: document, receivedAt: now),
            from: .network,
            surroundings: surroundings
        )
        let users = line["users"]?.arrayValue ?? []
        for (number, wanted) in (line["results"]?.arrayValue ?? []).enumerated() where !wanted.isNull {
            let user = FloodgateUser(json: users[number])
            compare(evaluator, user, wanted, "\(label), user \(number)", &tally)
        }
        for (number, responses) in (line["responses"]?.arrayValue ?? []).enumerated() {
            for response in responses.arrayValue ?? [] {
                compareResponse(
                    evaluator,
                    FloodgateUser(json: users[number]),
                    response.arrayValue ?? [],
                    "\(label), user \(number)",
                    &tally
                )
            }
        }
    }

    private var surroundings: Surroundings {
        let now = now
        var surroundings = Surroundings(now: { now })
        if let tier = line["options"]?["environment"] { surroundings.environment = ["tier": tier] }
        surroundings.globalCustomFields = line["options"]?["global_custom_fields"]?.objectValue ?? JSONObject()
        for list in line["id_lists"]?.objectValue ?? JSONObject() {
            surroundings.idLists[list.name] = IDList(ids: Set(list.value.arrayValue?.compactMap(\.stringValue) ?? []))
        }
        return surroundings
    }

    private func compare(
        _ evaluator: Evaluator,
        _ user: FloodgateUser,
        _ wanted: JSONValue,
        _ place: String,
        _ tally: inout Tally
    ) {
        for part in ["gates", "configs", "experiments", "layers"] {
            // A text stands where the core crashed.
            for entry in wanted[part]?.objectValue ?? JSONObject() where entry.value.arrayValue != nil {
                let found = answer(evaluator, part, entry.name, user)
                tally.compare(.array(found), entry.value, "\(place), \(part) \(entry.name)")
            }
        }
        var options = ClientResponseOptions()
        options.hash = .none
        let response = evaluator.clientInitializeResponse(for: user, options: options)
        for part in wanted["gcir"]?.objectValue ?? JSONObject() {
            tally.compare(response[part.name] ?? .null, part.value, "\(place), client response \(part.name)")
        }
    }

    /// Value, rule id, id type, version, outcome; then what experiments and layers have besides.
    private func answer(_ evaluator: Evaluator, _ part: String, _ name: String, _ user: FloodgateUser) -> [JSONValue] {
        switch part {
        case "gates":
            let gate = evaluator.gate(name, for: user)
            return [.bool(gate.value), .string(gate.ruleID)] + facts(gate.idType, gate.version, gate.details)
        case "configs": return head(evaluator.dynamicConfig(name, for: user))
        case "experiments":
            let experiment = evaluator.experiment(name, for: user)
            return head(experiment) + [
                .text(experiment.groupName), isActive(experiment.isExperimentActive, experiment.details),
                experiment.secondaryExposures.json,
            ]
        default:
            let layer = evaluator.layer(name, for: user)
            return [layer.value.map(JSONValue.object) ?? .null, .string(layer.ruleID)]
                + facts(layer.idType, layer.version, layer.details)
                + [
                    .text(layer.groupName), isActive(layer.isExperimentActive, layer.details),
                    layer.secondaryExposures.json, .text(layer.allocatedExperiment),
                ]
        }
    }

    private func head(_ config: ConfigEvaluation) -> [JSONValue] {
        [config.value.map(JSONValue.object) ?? .null, .string(config.ruleID)]
            + facts(config.idType, config.version, config.details)
    }

    private func facts(_ idType: String, _ version: UInt32?, _ details: EvaluationDetails) -> [JSONValue] {
        let outcome =
            switch details.reason {
            case .recognized: "Recognized"
            case .unsupported: "Unsupported"
            case .error: "Error"
            default: "Unrecognized"
            }
        return [.string(idType), version.map { .integer(Int64($0)) } ?? .null, .string(outcome)]
    }

    private func isActive(_ isActive: Bool, _ details: EvaluationDetails) -> JSONValue {
        if case .error = details.reason { .null } else { .bool(isActive) }
    }

    private func compareResponse(
        _ evaluator: Evaluator,
        _ user: FloodgateUser,
        _ recorded: [JSONValue],
        _ place: String,
        _ tally: inout Tally
    ) {
        guard recorded.count == 3, let hash = recorded[0].stringValue.flatMap(NameHash.init(rawValue:)) else { return }
        var options = ClientResponseOptions()
        options.hash = hash
        options.clientSDKKey = recorded[1].stringValue
        let found = evaluator.clientInitializeResponse(for: user, options: options)
        let wanted = recorded[2].objectValue ?? JSONObject()
        for name in Set(found.names).union(wanted.names).sorted() {
            let label = "\(place), response \(hash) \(recorded[1].text), \(name)"
            tally.compare(found[name] ?? .null, wanted[name] ?? .null, label)
        }
    }
}
