// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateGzip
import FloodgateJSON
import FloodgateSpecs
import FloodgateTestSupport
import Testing

/// An explanation answers what the check answers that it explains, and its trace bears the answer out.
@Suite("Explanations and checks") struct ExplanationAgreementTests {
    @Test func `agree on all recorded documents and users`() throws {
        let file = "Tests/Fixtures/evaluation.jsonl.gz"
        let packed = try #require(SharedData.repositoryBytes(file), "\(file) is missing from this clone")
        let text = try Gzip.decompress(packed, limit: 256 << 20)
        let lines = try text.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: Array($0)) }
        let now = try #require(lines.first?["evaluated_at_ms"]?.integerValue)
        var agreement = Agreement()
        for line in lines.dropFirst() {
            guard let document = (try? SpecDocument.read(line["specs"] ?? .null)).flatMap(\.self) else { continue }
            var surroundings = Surroundings(now: { now })
            if let tier = line["options"]?["environment"] { surroundings.environment = ["tier": tier] }
            surroundings.globalCustomFields = line["options"]?["global_custom_fields"]?.objectValue ?? JSONObject()
            surroundings.idLists = idLists(line["id_lists"])
            try agreement.check(document, surroundings, line["users"]?.arrayValue ?? [])
        }
        agreement.report("\(file)")
    }

    @Test(arguments: [
        "eval_proj", "demo_proj", "dcs_missing_gates", "dcs_non_case_sensitive", "dcs_user_agent_versions",
        "dcs_with_analytical_exposure_sampling", "dcs_with_sampling", "dcs_target_app_filtering",
    ])
    func `agree on the documents beside the repository`(name: String) throws {
        guard let lines = try Golden.lines("golden-\(name)"), let head = lines.first,
            let bytes = SharedData.bytes("data/specs/\(head["specs"]?.stringValue ?? "")")
        else { return }
        let document = try #require(try SpecDocument.read(bytes))
        var agreement = Agreement()
        for (tier, lines) in Dictionary(grouping: lines.dropFirst(), by: { $0["env"] ?? .null }) {
            let users = lines.prefix(12).compactMap { $0["user"] }
            try agreement.check(document, Golden.surroundings(head, tier: tier), users)
        }
        agreement.report(name)
    }

    @Test func `agree on the edge cases`() throws {
        guard let cases = try Golden.lines("golden-edge") else { return }
        var agreement = Agreement()
        for item in cases where item["id"] != nil {
            let document = try #require(try SpecDocument.read(item["specs"] ?? .null))
            let options = item["options"] ?? .null
            var surroundings = Surroundings(now: { 1_795_336_375_944 })
            if let tier = options["environment"], !tier.isNull { surroundings.environment = ["tier": tier] }
            surroundings.globalCustomFields = options["global_custom_fields"]?.objectValue ?? JSONObject()
            surroundings.idLists = idLists(options["id_lists"])
            try agreement.check(document, surroundings, [item["user"] ?? .null])
        }
        agreement.report("golden-edge")
    }

    private func idLists(_ lists: JSONValue?) -> [String: IDList] {
        var byName: [String: IDList] = [:]
        for list in lists?.objectValue ?? JSONObject() {
            byName[list.name] = IDList(ids: Set(list.value.arrayValue?.compactMap(\.stringValue) ?? []))
        }
        return byName
    }
}

/// Compares explanations with checks, and traces with themselves.
private struct Agreement {
    private var explanations = 0
    private var conditions = 0
    private var buckets = 0
    private var faults: [String] = []

    mutating func check(_ document: SpecDocument, _ surroundings: Surroundings, _ users: [JSONValue]) throws {
        let ruleset = try Ruleset(compiling: document, receivedAt: 0)
        let evaluator = Evaluator(ruleset, from: .network, surroundings: surroundings)
        for user in users {
            let user = FloodgateUser(json: user)
            for spec in document.gates + [Spec.unknown] { check(spec.name, [.gate], evaluator, document, user) }
            for spec in document.dynamicConfigs {
                check(spec.name, [.dynamicConfig, .experiment], evaluator, document, user)
            }
            for spec in document.layers { check(spec.name, [.layer], evaluator, document, user) }
            for name in evaluator.names(of: .experiment) + evaluator.names(of: .parameterStore) {
                check(name, evaluator.kinds(of: name), evaluator, document, user)
            }
        }
    }

    private mutating func check(
        _ name: String,
        _ kinds: [Explanation.Kind],
        _ evaluator: Evaluator,
        _ document: SpecDocument,
        _ user: FloodgateUser
    ) {
        for kind in kinds {
            let plain = evaluator.explain(name, as: kind, for: user)
            explanations += 1
            let place = "\(kind) \(name) \(user.userID?.text ?? "")"
            let isSame: Bool
            switch plain.answer {
            case .gate(let gate):
                isSame = gate == evaluator.gate(name, for: user) && gate.value == evaluator.checkGate(name, for: user)
            case .dynamicConfig(let config): isSame = config == evaluator.dynamicConfig(name, for: user)
            case .experiment(let config): isSame = config == evaluator.experiment(name, for: user)
            case .layer(let layer): isSame = layer == evaluator.layer(name, for: user)
            case .parameterStore(let parameters):
                isSame = parameters != nil
                for parameter in parameters ?? [] {
                    if let trace = parameter.trace { check(trace, place) }
                }
            }
            expect(isSame, place, "the answer is another one")
            if let trace = plain.trace { check(trace, place) }
            // What the document adds, and the forms, cost more than all the rest.
            guard explanations.isMultiple(of: 4) else { continue }
            let full = evaluator.explain(name, as: kind, for: user, in: document)
            expect(plain.value == full.value, place, "the document changes the answer")
            if let trace = full.trace { check(full, trace, place) }
            let back = try? JSONValue(parsing: full.json.text, limits: JSONLimits(depth: 512))
            expect(back == full.json, place, "the JSON form cannot be read")
            expect(!full.text.isEmpty, place, "there is no text")
        }
    }

    /// The trace's result is that of the answer.
    private mutating func check(_ explanation: Explanation, _ trace: Explanation.Evaluation, _ place: String) {
        let object = explanation.json
        if case .error? = explanation.details?.reason {
            return expect(trace.status == .unfinished, place, "the trace is finished")
        }
        expect(object["rule_id"] == .string(trace.ruleID), place, "the trace ends with another rule")
        if explanation.kind == .gate { expect(trace.value == explanation.value, place, "the trace has another value") }
        if let value = explanation.value, !(value.objectValue?.isEmpty ?? true) {
            expect(trace.value == value, place, "the trace has another value")
        }
        expect(object["group_name"]?.stringValue == trace.groupName || explanation.kind == .gate, place, "group")
    }

    private mutating func check(_ evaluation: Explanation.Evaluation, _ place: String) {
        for rule in evaluation.rules { check(rule, place) }
        for mapping in evaluation.mappings {
            if let rule = mapping.rule { check(rule, place) }
            for inner in mapping.evaluation { check(inner, place) }
        }
        for inner in evaluation.targeting { check(inner, place) }
        if let choice = evaluation.choice {
            buckets += 1
            expect(choice.bucket == Self.bucket(choice.hashed, 10_000), place, "the choice's bucket is wrong")
        }
        if evaluation.status == .recognized, evaluation.parameterRuleIDs == nil, evaluation.mappings.isEmpty {
            let passing = evaluation.rules.filter { $0.verdict == .passed }
            expect(passing.count <= 1, place, "several rules decide")
            if let rule = passing.first {
                expect(rule.id == evaluation.rules.last?.id, place, "rules follow the one that decides")
                if rule.delegate.isEmpty, rule.share != nil {
                    expect(rule.id == evaluation.ruleID, place, "another rule decides than the one that passes")
                }
            } else if evaluation.choice == nil, !evaluation.isRemembered, evaluation.kind != "contextual_bandit" {
                expect(["default", "disabled"].contains(evaluation.ruleID), place, "no rule passes, but one decides")
            }
        }
    }

    private mutating func check(_ rule: Explanation.Rule, _ place: String) {
        if rule.verdict == .passed || rule.verdict == .failed {
            let all = rule.conditions.allSatisfy { $0.verdict == .passed }
            expect(all == (rule.verdict == .passed), place, "rule \(rule.id) is not what its conditions are")
        }
        if let share = rule.share, let hashed = share.hashed {
            buckets += 1
            expect(share.bucket == Self.bucket(hashed, 10_000), place, "rule \(rule.id) has a wrong bucket")
            expect(share.passes == (Double(share.bucket ?? 0) < share.threshold), place, "rule \(rule.id): threshold")
        }
        for condition in rule.conditions {
            conditions += 1
            if let hashed = condition.hashed, let value = condition.value?.integerValue {
                buckets += 1
                expect(Int(value) == Self.bucket(hashed, 1000), place, "a condition has a wrong bucket")
            }
            if condition.type.hasSuffix("_gate"), condition.verdict == .passed || condition.verdict == .failed {
                let value = condition.asked.first?.value == true
                expect(condition.asked.count == 1, place, "a gate is missing")
                let isOpen = condition.type == "pass_gate" ? value : !value
                expect(isOpen == (condition.verdict == .passed), place, "a gate's condition is not what the gate is")
            }
            for inner in condition.asked { check(inner, place) }
        }
        for inner in rule.delegate { check(inner, place) }
    }

    /// From the text that was hashed, by another way than the evaluator's.
    private static func bucket(_ text: String, _ count: UInt64) -> Int {
        Int(SHA256.digest(of: text.utf8).prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) } % count)
    }

    private mutating func expect(_ holds: Bool, _ place: String, _ fault: String) {
        if !holds { faults.append("\(place): \(fault)") }
    }

    func report(_ name: String) {
        print("\(name): \(explanations) explanations, \(conditions) conditions and \(buckets) buckets compared")
        #expect(explanations > 0)
        #expect(faults.isEmpty, "\(faults.count) faults: \(faults.prefix(12).joined(separator: "\n"))")
    }
}

extension Spec {
    fileprivate static let unknown = Spec(
        name: "nobody has heard of this",
        type: "feature_gate",
        entity: "feature_gate",
        salt: "",
        defaultValue: false,
        rules: []
    )
}
