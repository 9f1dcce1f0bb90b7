// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import FloodgateTestSupport
import Testing

@Suite("Import") struct ImportTests {
    static let good = """
        {"has_updates":true,"time":5,"feature_gates":{"a":GATE,
        "b":{"type":"feature_gate","entity":"feature_gate","salt":"s","enabled":true,"defaultValue":false,
        "idType":"userID","rules":[{"id":"r","name":"r","salt":"r","passPercentage":100,"conditions":["2"],"returnValue":true,
        "idType":"userID"}]}},"dynamic_configs":{},"layer_configs":{},"experiment_to_layer":{},
        "condition_map":{"1":CONDITION,"2":{"type":"pass_gate","targetValue":"a","idType":"userID"}},
        "company_id":"us","app_id":7,"param_stores":{"p":{"parameters":{}}},"unheard_of":[1.0]}
        """
    static let gate = """
        {"type":"feature_gate","entity":"feature_gate","salt":"s","enabled":true,"defaultValue":false,"idType":"userID",
        "rules":[{"id":"r","name":"r","passPercentage":50,"conditions":["1"],"returnValue":true,"idType":"userID"}]}
        """
    static let condition =
        #"{"type":"user_field","operator":"any","field":"email","targetValue":["x"],"idType":"userID"}"#

    static func document(gate: String = gate, condition: String = condition) -> [UInt8] {
        Array(good.replacing("GATE", with: gate).replacing("CONDITION", with: condition).utf8)
    }

    static func replacing(_ old: String, _ new: String) -> [UInt8] {
        Array(String(decoding: document(), as: UTF8.self).replacing(old, with: new).utf8)
    }

    @Test func `takes the place of what was there`() async throws {
        let project = try await TestProject.with([.gate("a"), .gate("old")])
        let summary = try await project.control.importDocument(Self.document(), by: TestProject.change)
        #expect(summary.didChange)
        #expect((summary.added, summary.changed, summary.removed, summary.unchanged) == (1, 1, 1, 0))
        #expect(summary.counts == [.gate: 2])
        #expect(summary.warnings.isEmpty)
        #expect(try await project.control.entities().map(\.name) == ["a", "b"])
        let history = try await project.control.revisions(.gate, "old", limit: 9)
        #expect(history.map { $0.entity == nil } == [true, false])
    }

    @Test func `keeps all other members of the document`() async throws {
        let project = try await TestProject.with([])
        try await project.control.importDocument(Self.document(), by: TestProject.change)
        let others = try await project.document().others
        #expect(others["company_id"] == "us")
        #expect(others["app_id"] == 7)
        #expect(others["param_stores"] == ["p": ["parameters": [:]]])
        #expect(others["unheard_of"] == [1.0])
    }

    @Test func `the same document again changes nothing`() async throws {
        let project = try await TestProject.with([])
        try await project.control.importDocument(Self.document(), by: TestProject.change)
        let before = try await project.store.state()
        let summary = try await project.control.importDocument(Self.document(), by: TestProject.change)
        #expect(!summary.didChange)
        #expect(summary.unchanged == 2)
        #expect(try await project.store.state() == before)
    }

    /// One mistake each, with where it is.
    static let mistakes: [(what: String, bytes: [UInt8], pointer: String)] = [
        ("not JSON", Array("{".utf8), ""),
        ("text after the document", document() + Array("x".utf8), ""),
        ("a member twice", replacing(#""time":5"#, #""time":5,"time":6"#), ""),
        ("not an object", Array("[]".utf8), ""),
        ("nothing new", Array(#"{"has_updates":false}"#.utf8), "/has_updates"),
        ("a time that is negative", replacing(#""time":5"#, #""time":-5"#), "/time"),
        (
            "a spec without salt", replacing(#""salt":"s","enabled":true,"defaultValue":false,"idType":"userID","#, ""),
            "/feature_gates/a"
        ),
        ("a spec that is a list", document(gate: "[]"), "/feature_gates/a"),
        ("a percentage that is a text", replacing("50", #""50""#), "/feature_gates/a/rules/0/passPercentage"),
        ("a condition that is not there", replacing(#"["1"]"#, #"["9"]"#), "/feature_gates/a/rules/0/conditions/0"),
        (
            "an unknown entity",
            replacing(
                #""a":{"type":"feature_gate","entity":"feature_gate""#,
                #""a":{"type":"feature_gate","entity":"flag""#
            ), "/feature_gates/a/entity"
        ),
        (
            "an experiment among gates",
            document(gate: gate.replacing(#""entity":"feature_gate""#, with: #""entity":"experiment""#)),
            "/feature_gates/a/entity"
        ),
        (
            "an unknown condition type", document(condition: condition.replacing("user_field", with: "user_feild")),
            "/feature_gates/a/rules/0/conditions/0"
        ),
        (
            "an unknown operator", document(condition: condition.replacing("any", with: "ANY")),
            "/feature_gates/a/rules/0/conditions/0"
        ),
        (
            "no operator", document(condition: condition.replacing(#""operator":"any","#, with: "")),
            "/feature_gates/a/rules/0/conditions/0"
        ),
        (
            "a multi gate", document(condition: #"{"type":"multi_pass_gate","targetValue":["b"],"idType":"userID"}"#),
            "/feature_gates/a/rules/0/conditions/0"
        ),
        (
            "a circle of gates", document(condition: #"{"type":"fail_gate","targetValue":"b","idType":"userID"}"#),
            "/feature_gates/b/rules/0/conditions/0"
        ),
        (
            "a gate that needs itself",
            document(condition: #"{"type":"fail_gate","targetValue":"a","idType":"userID"}"#),
            "/feature_gates/a/rules/0/conditions/0"
        ),
        (
            "a parameter store without parameters", replacing(#"{"p":{"parameters":{}}}"#, #"{"p":{}}"#),
            "/param_stores/p"
        ),
        (
            "a name with a slash",
            replacing(
                #"{"a":{"type":"feature_gate","entity":"feature_gate","salt":"s","#,
                #"{"a/~":{"type":"feature_gate","entity":"gate","salt":"s","#
            ), "/feature_gates/a~1~0/entity"
        ),
        ("a name with NUL", replacing(#"{"a":{"#, #"{"a\u0000":{"#), "/feature_gates/a\0"),
        ("an empty name", replacing(#"{"a":{"#, #"{"":{"#), "/feature_gates/"),
    ]

    @Test(arguments: mistakes.indices)
    func `refuses a broken document with the place of the fault and changes nothing`(index: Int) async throws {
        let (what, bytes, pointer) = Self.mistakes[index]
        let project = try await TestProject.with([.gate("kept")])
        let before = try await project.store.state()
        let error = await #expect(throws: ControlError.self, "\(what)") {
            try await project.control.importDocument(bytes, by: TestProject.change)
        }
        #expect(error?.code == .invalid)
        #expect(error?.pointer == pointer, "\(what): \(error?.description ?? "")")
        #expect(try await project.store.state() == before)
    }

    @Test func `refuses any truncation`() async throws {
        let project = try await TestProject.with([.gate("kept")])
        let before = try await project.store.state()
        let bytes = Self.document()
        for length in stride(from: 0, to: bytes.count, by: 7) {
            let error = await #expect(throws: ControlError.self) {
                try await project.control.importDocument(Array(bytes[..<length]), by: TestProject.change)
            }
            #expect(error?.code == .invalid)
        }
        #expect(try await project.store.state() == before)
    }

    @Test func `points into lists for documents of the first shape`() async throws {
        let rule = """
            {"id":"r","name":"r","passPercentage":1,"conditions":[{"type":"moon","idType":"u"}],
            "returnValue":1,"idType":"u"}
            """
        let spec = """
            {"name":"NAME","type":"feature_gate","entity":"feature_gate","salt":"","enabled":true,"defaultValue":false,
            "idType":"userID","rules":[RULE]}
            """
        func document(_ gates: [String]) -> [UInt8] {
            Array(#"{"has_updates":true,"time":1,"feature_gates":["#.utf8) + Array(gates.joined(separator: ",").utf8)
                + Array("]}".utf8)
        }
        let good = spec.replacing("NAME", with: "a").replacing("RULE", with: "")
        let project = try await TestProject.with([])
        try await project.control.importDocument(document([good]), by: TestProject.change)
        #expect(try await project.control.entities().map(\.name) == ["a"])
        let bad = spec.replacing("NAME", with: "b").replacing("RULE", with: rule)
        for (gates, pointer) in [
            ([good, bad], "/feature_gates/1/rules/0/conditions/0"), ([good, good], "/feature_gates/1"),
        ] {
            let error = await #expect(throws: ControlError.self) {
                try await project.control.importDocument(document(gates), by: TestProject.change)
            }
            #expect(error?.pointer == pointer)
        }
    }

    @Test func `warns of gates and experiments that are not there`() async throws {
        var rule = Rule.passing("r", gate: "gone")
        rule.configDelegate = "nowhere"
        let project = TestProject()
        try await project.control.prepare(by: TestProject.change)
        var document = SpecDocument(time: 1)
        document.gates = [document.interned(.gate("a", [rule]))]
        let summary = try await project.control.importDocument(document, by: TestProject.change)
        #expect(summary.warnings.count == 2)
        #expect(summary.warnings.first?.hasPrefix("/feature_gates/a/rules/0/conditions/0: ") == true)
        #expect(summary.warnings.last?.hasPrefix("/feature_gates/a/rules/0/configDelegate: ") == true)
    }

    @Test func `a chain of four thousand gates is no circle and no stack overflow`() async throws {
        let gates = (0..<4_000).map { Spec.gate("g\($0)", [.passing("r", gate: "g\($0 + 1)")]) }
        let project = try await TestProject.with(gates)
        #expect(try await project.control.entities().count == 4_000)
    }

    static let samples = [
        "big_number_dcs", "check_gate_perf_dcs", "dcs_missing_gates", "dcs_non_case_sensitive",
        "dcs_target_app_filtering",
        "dcs_target_app_filtering_hashed_keys", "dcs_user_agent_versions", "dcs_with_analytical_exposure_sampling",
        "dcs_with_checksum", "dcs_with_sampling", "dcs_with_sdk_configs", "demo_proj_dcs", "eval_proj_dcs",
        "shared_dict_original_dcs",
    ]

    @Test(arguments: samples)
    func `takes Statsig's sample documents and publishes the same content`(name: String) async throws {
        guard let bytes = SharedData.bytes("data/specs/\(name).json") else { return }
        let original = try #require(try SpecDocument.read(bytes))
        for shape in SpecDocument.Shape.allCases {
            let project = try await TestProject.with([])
            let summary = try await project.control.importDocument(original.bytes(shape), by: TestProject.change)
            #expect(summary.total == original.gates.count + original.dynamicConfigs.count + original.layers.count)
            let published = try await project.document()
            #expect(published.experimentToLayer == original.experimentToLayer)
            for section in [\SpecDocument.gates, \.dynamicConfigs, \.layers] {
                #expect(content(published, section) == content(original, section))
            }
            for member in original.others where member.name != "response_format" && member.name != "id_lists" {
                #expect(published.others[member.name] == member.value, "\(member.name)")
            }
        }
    }

    private func content(_ document: SpecDocument, _ section: KeyPath<SpecDocument, [Spec]>) -> [String: JSONValue] {
        Dictionary(uniqueKeysWithValues: document[keyPath: section].map { ($0.name, document.selfContained($0).json) })
    }

    @Test func `refuses what is not a document`() async throws {
        guard let bytes = SharedData.bytes("data/specs/dcs_error.json") else { return }
        let project = try await TestProject.with([])
        let error = await #expect(throws: ControlError.self) {
            try await project.control.importDocument(bytes, by: TestProject.change)
        }
        #expect(error?.code == .invalid)
    }
}
