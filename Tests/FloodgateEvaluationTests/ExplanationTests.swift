// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs
import Testing

@Suite("An explanation") struct ExplanationTests {
    private static let now: Int64 = 1_700_000_000_000

    /// Conditions, what they show as the compared values, and how they read.
    private static let conditions: [(JSONValue, JSONValue, JSONValue?, String)] = [
        (["type": "public"], .null, nil, "✓ everyone"),
        (
            ["type": "user_field", "field": "email", "operator": "str_ends_with_any", "targetValue": ["@acme.com"]],
            "ann@acme.com", ["@acme.com"], "✓ email: \"ann@acme.com\" str_ends_with_any [\"@acme.com\"]"
        ),
        (
            ["type": "user_field", "field": "plan", "operator": "any", "targetValue": ["pro", 2]], .null, ["pro", 2],
            "✗ plan: nothing any [\"pro\",2]"
        ),
        (
            ["type": "user_field", "field": "age", "operator": "gte", "targetValue": 18], 21, 18, "✓ age: 21 gte 18"
        ),
        (
            ["type": "ip_based", "field": "country", "operator": "any", "targetValue": ["CH"]], "CH", ["CH"],
            "✓ country (or by IP address): \"CH\" any [\"CH\"]"
        ),
        (
            ["type": "ua_based", "field": "browser_name", "operator": "any", "targetValue": ["Firefox"]], "Firefox",
            ["Firefox"], "✓ browser_name (or by user agent): \"Firefox\" any [\"Firefox\"]"
        ),
        (
            ["type": "environment_field", "field": "tier", "operator": "any", "targetValue": ["production"]],
            "staging", ["production"], "✗ environment tier: \"staging\" any [\"production\"]"
        ),
        (
            ["type": "current_time", "operator": "after", "targetValue": 1_600_000_000_000], .integer(now),
            1_600_000_000_000, "✓ the time: 2023-11-14T22:13:20.000Z after 2020-09-13T12:26:40.000Z"
        ),
        (
            [
                "type": "user_bucket", "operator": "lt", "targetValue": 500, "additionalValues": ["salt": "s"],
            ],
            759, 500, "✗ bucket of 1000 by userID: 759 lt 500 (SHA-256 of \"s.u1\")"
        ),
        (
            ["type": "unit_id", "idType": "companyID", "operator": "any", "targetValue": ["c9"]], "c1", ["c9"],
            "✗ companyID: \"c1\" any [\"c9\"]"
        ),
        (
            ["type": "unit_id", "operator": "in_segment_list", "targetValue": "beta"], "u1", "beta",
            "✓ userID: \"u1\" in_segment_list \"beta\" (looked up as \(IDList.hash(of: "u1")))"
        ),
        (
            ["type": "unit_id", "operator": "not_in_segment_list", "targetValue": "gone"], "u1", "gone",
            "✓ userID: \"u1\" not_in_segment_list \"gone\" (there is no such list)"
        ),
        (
            ["type": "target_app", "operator": "any", "targetValue": ["web"]], "app", ["web"],
            "✗ app: \"app\" any [\"web\"]"
        ),
        (
            ["type": "experiment_group", "field": "exp", "operator": "any", "targetValue": ["Test"]], "Test", ["Test"],
            "✓ group in experiment exp: \"Test\" any [\"Test\"]"
        ),
        (["type": "pass_gate", "targetValue": "inner"], .null, "inner", "✓ pass_gate inner"),
        (["type": "fail_gate", "targetValue": "inner"], .null, "inner", "✗ fail_gate inner"),
        (["type": "weather", "operator": "any"], .null, nil, "! weather with operator any is unknown to evaluators"),
        (
            ["type": "user_field", "field": "age", "operator": "near", "targetValue": 3], .null, 3,
            "! user_field with operator near is unknown to evaluators"
        ),
    ]

    @Test(arguments: conditions.indices)
    func `shows what each condition compares`(index: Int) throws {
        let (condition, value, target, text) = Self.conditions[index]
        let document = try Self.document(gates: ["g": [condition], "inner": [["type": "public"]]])
        let explanation = try Self.evaluator(document).explain("g", for: Self.user, in: document)
        let found = try #require(explanation.trace?.rules.first?.conditions.first)
        #expect(found.type == condition["type"]?.stringValue)
        #expect(found.operator == condition["operator"]?.stringValue)
        #expect(found.value ?? .null == value)
        #expect(found.targetValue == target)
        let lines = explanation.text.split(separator: "\n").map { $0.drop(while: { $0 == " " }) }
        #expect(lines.contains { $0 == text }, "\(explanation.text)")
        // Without the document, items of a list are texts, and names that nobody knows are lost; all else is the same.
        let plain = try #require(try Self.evaluator(document).explain("g", for: Self.user).trace?.rules.first)
        #expect(plain.conditions.first?.verdict == found.verdict)
        if found.verdict != .unsupported, found.asked.isEmpty, target?.text != "[\"pro\",2]" {
            #expect(plain.conditions.first == found)
        }
    }

    @Test func `shows bucket, threshold and what was hashed`() throws {
        let document = try Self.document(gates: ["g": [["type": "public"]]], percentage: 33.3)
        let explanation = try Self.evaluator(document).explain("g", for: Self.user, in: document)
        let share = try #require(explanation.trace?.rules.first?.share)
        #expect(share.hashed == "gs.rs.u1")
        #expect(share.percentage == 33.3)
        let hash = SHA256.digest(of: "gs.rs.u1".utf8).prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        #expect(share.bucket == Int(hash % 10_000))
        #expect(share.passes == (hash % 10_000 < 3330))
        #expect(explanation.value == .bool(share.passes))
    }

    @Test func `shows gates within gates, and what was asked before`() throws {
        let asks: JSONValue = ["type": "pass_gate", "targetValue": "holdout"]
        let document = try Self.document(gates: [
            "g": [["type": "fail_gate", "targetValue": "holdout"], ["type": "pass_gate", "targetValue": "middle"]],
            "middle": [asks], "holdout": [["type": "user_field", "field": "age", "operator": "lt", "targetValue": 3]],
        ])
        let explanation = try Self.evaluator(document).explain("g", for: Self.user, in: document)
        let conditions = try #require(explanation.trace?.rules.first?.conditions)
        #expect(conditions.map(\.verdict) == [.passed, .failed])
        #expect(conditions[0].asked.first?.rules.first?.conditions.first?.value == 21)
        let again = conditions[1].asked.first?.rules.first?.conditions.first?.asked.first
        #expect(again?.isRemembered == true)
        #expect(again?.value == false)
        #expect(explanation.knownAs == [.gate])
    }

    @Test func `follows a layer to its experiment`() throws {
        let document = try Self.document(gates: [:])
        let explanation = try Self.evaluator(document).explain("layer", for: Self.user, in: document)
        #expect(explanation.kind == .layer)
        let delegate = try #require(explanation.trace?.rules.first?.delegate.first)
        #expect(delegate.name == "exp")
        #expect(delegate.groupName == "Test")
        #expect(explanation.json["allocated_experiment"] == "exp")
        #expect(explanation.value == ["color": "red"])
        #expect(explanation.text.contains("→ decided by\n"))
    }

    @Test func `says that an override decides`() throws {
        let document = try Self.document(gates: ["g": [["type": "public"]]])
        var overrides = LocalOverrides()
        overrides.gates.set("g", for: nil, to: false)
        let explanation = try Self.evaluator(document, overrides).explain("g", for: Self.user)
        #expect(explanation.trace?.status == .overridden)
        #expect(explanation.value == false)
        #expect(explanation.text.contains("a local override answers"))
    }

    @Test func `shows which mapping answers in an entity's place`() throws {
        var document = try Self.document(gates: ["g": [["type": "public"]], "other": []])
        document.others["overrides"] = [
            "g": [
                ["new_config_name": "none", "rules": [["rule_name": "r", "start_time": 1_800_000_000_000]]],
                ["new_config_name": "other", "rules": [["rule_name": "r", "start_time": 0]]],
            ]
        ]
        document.others["override_rules"] = [
            "r": [
                "name": "r", "id": "mapped", "salt": "m", "passPercentage": 100, "returnValue": true,
                "idType": "userID", "conditions": [],
            ]
        ]
        let explanation = try Self.evaluator(document).explain("g", for: Self.user, in: document)
        let mappings = try #require(explanation.trace?.mappings)
        #expect(mappings.map(\.newName) == ["none", "other"])
        #expect(mappings.map(\.hasStarted) == [false, true])
        #expect(mappings.last?.rule?.id == "mapped")
        #expect(mappings.last?.evaluation.first?.name == "other")
        #expect(explanation.json["rule_id"] == "id_other")
        #expect(explanation.text.contains("✗ begins at 2027-01-15T08:00:00.000Z"))
    }

    @Test func `shows what a contextual bandit compares`() throws {
        var document = try Self.document(gates: ["g": [["type": "public"]]])
        func group(_ name: String) -> JSONValue {
            ["name": .string(name), "id": .string("id" + name), "parameterValues": ["arm": .string(name)]]
        }
        func model(_ weight: Double) -> JSONValue {
            [
                "alpha": 1, "intercept": 0, "records": 5, "weightsNumerical": ["age": .double(weight)],
                "weightsCategorical": [:],
            ]
        }
        document.others["cmab_configs"] = [
            "bandit": [
                "name": "bandit", "salt": "cs", "idType": "userID", "enabled": true, "sampleRate": 0,
                "higherIsBetter": true, "defaultValue": [:], "targetingGateName": "g",
                "groups": [group("A"), group("B")], "config": ["idA": model(1), "idB": model(2)],
            ]
        ]
        let explanation = try Self.evaluator(document).explain("bandit", for: Self.user, in: document)
        #expect(explanation.kind == .experiment)
        let choice = try #require(explanation.trace?.choice)
        #expect(choice.way == .exploit)
        #expect(choice.scores.map(\.score) == [22, 43])
        #expect(choice.hashed == "cs.u1")
        #expect(explanation.trace?.targeting.first?.name == "g")
        #expect(explanation.value == ["arm": "B"])
        #expect(explanation.text.contains("→ group B (idB): bucket"))
    }

    @Test func `says that nobody knows a name`() throws {
        let document = try Self.document(gates: [:])
        let explanation = try Self.evaluator(document).explain("nothing", for: Self.user)
        #expect(explanation.knownAs.isEmpty)
        #expect(explanation.trace?.status == .unrecognized)
        #expect(explanation.json["reason"] == "Network:Unrecognized")
    }

    @Test func `names the sources of a parameter store`() throws {
        let document = try Self.document(gates: ["g": [["type": "public"]]])
        let explanation = try Self.evaluator(document).explain("store", for: Self.user, in: document)
        #expect(explanation.kind == .parameterStore)
        #expect(explanation.value == ["fixed": 7, "open": "yes", "color": "red"])
        #expect(explanation.text.contains("color = \"red\" from layer layer, parameter color"))
        #expect(explanation.text.contains("fixed = 7 (static)"))
    }

    @Test func `takes a name of several kinds as what is asked for`() throws {
        let document = try Self.document(gates: ["exp": [["type": "public"]]])
        let evaluator = try Self.evaluator(document)
        #expect(evaluator.explain("exp", for: Self.user).kind == .gate)
        #expect(evaluator.explain("exp", for: Self.user).knownAs == [.gate, .experiment])
        #expect(evaluator.explain("exp", as: .experiment, for: Self.user).value == ["color": "red"])
        #expect(evaluator.explain("exp", for: Self.user).text.contains("the name is also that of an experiment"))
    }

    @Test func `ends where gates go round in a circle`() throws {
        let document = try Self.document(gates: [
            "a": [["type": "pass_gate", "targetValue": "b"]], "b": [["type": "pass_gate", "targetValue": "a"]],
        ])
        let explanation = try Self.evaluator(document).explain("a", for: Self.user, in: document)
        #expect(explanation.trace?.status == .unfinished)
        #expect(explanation.text.contains("! given up"))
        #expect((try? JSONValue(parsing: explanation.json.text, limits: JSONLimits(depth: 512))) != nil)
    }

    @Test func `lets no text of the document disturb a terminal`() throws {
        let document = try Self.document(gates: ["g\u{1B}[31m": [["type": "public"]]])
        let user = FloodgateUser(userID: "u\u{9B}2J\u{202E}")
        let text = try Self.evaluator(document).explain("g\u{1B}[31m", for: user, in: document).text
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) || $0 == "\n" })
        #expect(!text.unicodeScalars.contains("\u{202E}"))
    }

    // MARK: What is explained

    private static let user = FloodgateUser(json: [
        "userID": "u1", "email": "ann@acme.com", "ip": "194.230.0.1", "country": "CH",
        "customIDs": ["companyID": "c1"], "custom": ["age": 21],
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
    ])

    private static func evaluator(_ document: SpecDocument, _ overrides: LocalOverrides? = nil) throws -> Evaluator {
        var surroundings = Surroundings(now: { now })
        surroundings.environment = ["tier": "staging"]
        surroundings.idLists = ["beta": IDList(ids: [IDList.hash(of: "u1")])]
        surroundings.overrides = overrides
        return Evaluator(try Ruleset(compiling: document, receivedAt: 0), from: .network, surroundings: surroundings)
    }

    /// Gates of one rule each, an experiment `exp` with the group `Test` in the layer `layer`, and a parameter store.
    private static func document(gates: [String: [JSONValue]], percentage: Double = 100) throws -> SpecDocument {
        func spec(_ name: String, _ entity: String, _ value: JSONValue, _ rule: JSONObject) -> JSONValue {
            var whole: JSONObject = [
                "name": .string("rule of \(name)"), "id": .string("id_\(name)"), "salt": "rs", "passPercentage": 100,
                "idType": "userID",
                "conditions": [], "returnValue": value,
            ]
            for member in rule { whole[member.name] = member.value }
            return [
                "name": .string(name), "type": entity == "feature_gate" ? "feature_gate" : "dynamic_config",
                "entity": .string(entity), "salt": "gs", "enabled": true, "idType": "userID",
                "defaultValue": entity == "feature_gate" ? false : [:], "rules": [.object(whole)],
            ]
        }
        let specs = gates.sorted { $0.key < $1.key }.map { name, conditions in
            let full = conditions.map { condition in
                var object = condition.objectValue ?? JSONObject()
                if object["idType"] == nil { object["idType"] = "userID" }
                return JSONValue.object(object)
            }
            return spec(
                name,
                "feature_gate",
                true,
                ["conditions": .array(full), "passPercentage": .double(percentage)]
            )
        }
        let json: JSONValue = [
            "has_updates": true, "time": 1, "app_id": "app", "feature_gates": .array(specs),
            "dynamic_configs": [
                spec("exp", "experiment", ["color": "red"], ["groupName": "Test", "isExperimentGroup": true])
            ],
            "layer_configs": [spec("layer", "layer", ["color": "blue"], ["configDelegate": "exp"])],
            "param_stores": [
                "store": [
                    "parameters": [
                        "fixed": ["ref_type": "static", "param_type": "number", "value": 7],
                        "open": [
                            "ref_type": "gate", "param_type": "string", "gate_name": "g", "pass_value": "yes",
                            "fail_value": "no",
                        ],
                        "color": [
                            "ref_type": "layer", "param_type": "string", "layer_name": "layer", "param_name": "color",
                        ],
                    ]
                ]
            ],
        ]
        return try #require(try SpecDocument.read(json))
    }
}
