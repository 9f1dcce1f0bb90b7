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
            try Ruleset(compiling: document, receivedAt: now),
            from: .network,
            surroundings: surroundings
        )
        let users = line["users"]?.arrayValue ?? []
        for (number, wanted) in (line["results"]?.arrayValue ?? []).enumerated() where !wanted.isNull {
            let user = FloodgateUser(json: users[number])
            compare(evaluator, user, wanted, "\(label), user \(number)", &tally)
            if let kept = line["persisted"]?.arrayValue?[number], !kept.isNull {
                compareSticky(evaluator, user, kept, wanted, "\(label), user \(number)", &tally)
            }
            compareStores(evaluator, user, wanted, "\(label), user \(number)", &tally)
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
        surroundings.overrides = LocalOverrides(recorded: line["overrides"]?.arrayValue ?? [])
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
        options.includesLocalOverrides = line["options"]?["include_local_overrides"]?.boolValue ?? false
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
            return row(evaluator.experiment(name, for: user))
        default: return row(evaluator.layer(name, for: user))
        }
    }

    private func row(_ experiment: ConfigEvaluation) -> [JSONValue] {
        head(experiment) + [
            .text(experiment.groupName), isActive(experiment.isExperimentActive, experiment.details),
            experiment.secondaryExposures.json,
        ]
    }

    private func row(_ layer: LayerEvaluation) -> [JSONValue] {
        [layer.value.map(JSONValue.object) ?? .null, .string(layer.ruleID)]
            + facts(layer.idType, layer.version, layer.details)
            + [
                .text(layer.groupName), isActive(layer.isExperimentActive, layer.details),
                layer.secondaryExposures.json, .text(layer.allocatedExperiment),
            ]
    }

    /// Experiments and layers as the user keeps them: the answer, the time of a kept value, what is to be stored.
    private func compareSticky(
        _ evaluator: Evaluator,
        _ user: FloodgateUser,
        _ kept: JSONValue,
        _ wanted: JSONValue,
        _ place: String,
        _ tally: inout Tally
    ) {
        var request = StickyRequest(kept["values"]?.objectValue.map(StickyAssignments.init(json:)))
        request.enforcesTargeting = kept["enforce_targeting"]?.boolValue ?? false
        request.enforcesOverrides = kept["enforce_overrides"]?.boolValue ?? false
        func time(_ details: EvaluationDetails) -> JSONValue {
            details.reason == .persisted ? details.time.map { .integer(Int64(clamping: $0)) } ?? .null : false
        }
        for entry in wanted["sticky_experiments"]?.objectValue ?? JSONObject() where entry.value.arrayValue != nil {
            let (experiment, change) = evaluator.experiment(entry.name, for: user, sticky: request)
            let found: JSONValue = [.array(row(experiment)), time(experiment.details), change.json]
            tally.compare(found, entry.value, "\(place), sticky experiment \(entry.name)")
        }
        for entry in wanted["sticky_layers"]?.objectValue ?? JSONObject() where entry.value.arrayValue != nil {
            let (layer, change) = evaluator.layer(entry.name, for: user, sticky: request)
            let found: JSONValue = [.array(row(layer)), time(layer.details), change.json]
            tally.compare(found, entry.value, "\(place), sticky layer \(entry.name)")
        }
    }

    /// Each parameter read as text, float, integer and boolean; lists and objects reach Python changed.
    private func compareStores(
        _ evaluator: Evaluator,
        _ user: FloodgateUser,
        _ wanted: JSONValue,
        _ place: String,
        _ tally: inout Tally
    ) {
        for store in wanted["parameter_stores"]?.objectValue ?? JSONObject() {
            let values = evaluator.parameterStore(store.name, for: user) ?? JSONObject()
            for parameter in store.value.objectValue ?? JSONObject() {
                let value = values[parameter.name] ?? .null
                var integer: JSONValue?
                if case .number(.integer) = value { integer = value }
                let found: JSONValue = [
                    .text(value.stringValue), value.doubleValue.map { .double($0) } ?? .null, integer ?? .null,
                    value.boolValue.map { .bool($0) } ?? .null,
                ]
                let readings = JSONValue.array(Array(parameter.value.arrayValue?.prefix(4) ?? []))
                tally.compare(found, readings, "\(place), store \(store.name), \(parameter.name)")
            }
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
            case .localOverride: "LocalOverride"
            case .persisted: "Persisted"
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

extension LocalOverrides {
    /// Reads `[kind, name, value, unit ID or null]`, one after the other.
    fileprivate init(recorded entries: [JSONValue]) {
        self.init()
        for entry in entries.compactMap(\.arrayValue) where entry.count == 4 {
            let (name, id) = (entry[1].stringValue ?? "", entry[3].stringValue)
            switch (entry[0].stringValue ?? "", entry[2]) {
            case ("gate", .bool(let value)): gates.set(name, for: id, to: value)
            case ("dynamic_config", .object(let value)): dynamicConfigs.set(name, for: id, to: value)
            case ("experiment", .object(let value)): experiments.set(name, for: id, to: .value(value))
            case ("experiment_group", .string(let group)): experiments.set(name, for: id, to: .group(group))
            case ("layer", .object(let value)): layers.set(name, for: id, to: value)
            case ("parameter_store", .object(let value)): parameterStores.set(name, for: id, to: value)
            case ("remove", "gate"): gates.remove(name, for: id)
            case ("remove", "dynamic_config"): dynamicConfigs.remove(name, for: id)
            case ("remove", "experiment"): experiments.remove(name, for: id)
            case ("remove", "layer"): layers.remove(name, for: id)
            case ("remove", "parameter_store"): parameterStores.remove(name, for: id)
            default: Issue.record("\(entry) is no override")
            }
        }
    }
}

extension StickyChange {
    fileprivate var json: JSONValue {
        switch self {
        case .none: .null
        case .delete(let name, let key): ["delete", .string(name), .string(key)]
        case .save(let value, let name, let key): ["save", .string(name), .string(key), value.json]
        }
    }
}
