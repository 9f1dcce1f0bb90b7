// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs
import FloodgateTestSupport
import Testing

@Suite("Reading a ruleset") struct RulesetReadingTests {
    static let documents = [
        "big_number_dcs", "check_gate_perf_dcs", "dcs_missing_gates", "dcs_non_case_sensitive",
        "dcs_target_app_filtering", "dcs_target_app_filtering_hashed_keys", "dcs_user_agent_versions",
        "dcs_with_analytical_exposure_sampling", "dcs_with_checksum", "dcs_with_sampling", "dcs_with_sdk_configs",
        "demo_proj_dcs", "eval_proj_dcs", "shared_dict_original_dcs",
    ]

    /// What every path from a document to a ruleset must agree in.
    private func answers(_ ruleset: Ruleset) -> [JSONObject] {
        let evaluator = Evaluator(ruleset, from: .network, surroundings: Surroundings(now: { 1_795_336_375_944 }))
        return ["a-user", "user-17", ""].map { id in
            let user = FloodgateUser(userID: id, email: "\(id)@example.com", country: "US", appVersion: "2.3.1")
            return evaluator.clientInitializeResponse(for: user)
        }
    }

    @Test(arguments: documents)
    func `gives the same answers by every way and in both shapes`(name: String) throws {
        guard let bytes = SharedData.bytes("data/specs/\(name).json") else { return }
        let document = try #require(try SpecDocument.read(bytes))
        let read = try #require(try Ruleset(reading: bytes, receivedAt: 5))
        let expected = answers(read)
        #expect(try answers(Ruleset(compiling: document, receivedAt: 5)) == expected)
        #expect(try answers(#require(try Ruleset(reading: document.bytes(.v1), receivedAt: 5))) == expected)
        #expect(try answers(#require(try Ruleset(reading: JSONValue(parsing: bytes), receivedAt: 5))) == expected)
        #expect(read.time == document.time)
        #expect(read.checksum == document.checksum)
        #expect(read.receivedAt == 5)
        #expect(read.layerNames == document.layers.map(\.name))
    }

    private static let text = #"""
        {"has_updates":true,"time":7,"checksum":"c","default_environment":"staging","sdk_configs":{"a":1,"a":2},
         "feature_gates":{
          "open":{"type":"feature_gate","entity":"feature_gate","enabled":true,"salt":"s","idType":"userID",
           "defaultValue":false,"rules":[{"name":"r","id":"first","passPercentage":100,"conditions":["later"],
            "returnValue":true,"idType":"userID"}]},
          "broken":{"type":"feature_gate"},
          "asks":{"type":"feature_gate","entity":"feature_gate","enabled":true,"salt":"s","idType":"userID",
           "defaultValue":false,"rules":[{"name":"r","id":"asked","passPercentage":100,"conditions":["gate"],
            "returnValue":true,"idType":"userID"}]},
          "open":{"type":"feature_gate","entity":"feature_gate","enabled":true,"salt":"s","idType":"userID",
           "defaultValue":false,"rules":[{"name":"r","id":"last","passPercentage":100,"conditions":["later"],
            "returnValue":true,"idType":"userID"}]}},
         "dynamic_configs":{
          "one":{"type":"dynamic_config","entity":"dynamic_config","enabled":true,"salt":"s","idType":"userID",
           "defaultValue":{"b":1,"a":2},"rules":[]},
          "two":{"type":"dynamic_config","entity":"dynamic_config","enabled":true,"salt":"s","idType":"userID",
           "defaultValue":{"a":2,"b":1.0},"rules":[]}},
         "layer_configs":{},
         "condition_map":{"gate":{"type":"pass_gate","targetValue":"op\u0065n","idType":"userID"},
          "later":{"type":"public","idType":"userID"}},
         "experiment_to_layer":{}} and what follows is ignored
        """#

    @Test func `takes the last of two specs of one name, and leaves out a broken one`() throws {
        let ruleset = try #require(try Ruleset(reading: Array(Self.text.utf8), receivedAt: 0))
        #expect(ruleset.gateNames == ["open", "asks"])
        #expect(ruleset.sdkConfigs == ["a": 2])
        #expect(ruleset.defaultEnvironment == "staging")
        let evaluator = Evaluator(ruleset, from: .network, surroundings: Surroundings(now: { 0 }))
        let user = FloodgateUser(userID: "u")
        #expect(evaluator.gate("open", for: user).ruleID == "last")
        #expect(evaluator.checkGate("asks", for: user))
        #expect(!evaluator.checkGate("broken", for: user))
    }

    @Test func `hands values out as each spec wrote them`() throws {
        let ruleset = try #require(try Ruleset(reading: Array(Self.text.utf8), receivedAt: 0))
        let evaluator = Evaluator(ruleset, from: .network, surroundings: Surroundings(now: { 0 }))
        let user = FloodgateUser(userID: "u")
        func text(_ name: String) -> String? {
            evaluator.dynamicConfig(name, for: user).value.map { JSONValue.object($0).text }
        }
        #expect(text("one") == #"{"b":1,"a":2}"#)
        #expect(text("two") == #"{"a":2,"b":1.0}"#)
    }

    @Test func `is nothing where there is nothing new, and refused where a document is`() throws {
        #expect(try Ruleset(reading: Array("{\"has_updates\":false}".utf8), receivedAt: 0) == nil)
        let refused = Self.text.replacing("\"type\":\"pass_gate\"", with: "\"type\":1")
        let error = #expect(throws: SpecError.self) { try Ruleset(reading: Array(refused.utf8), receivedAt: 0) }
        #expect(error?.pointer == "/condition_map/gate/type")
        #expect(throws: SpecError.self) { try Ruleset(reading: Array("{\"has_updates\":".utf8), receivedAt: 0) }
        let odd = Self.text.replacing("\"checksum\":\"c\"", with: "\"sdk_flags\":{\"x\":1}")
        #expect(throws: SpecError.self) { try Ruleset(reading: Array(odd.utf8), receivedAt: 0) }
    }

    @Test func `keeps the conditions of config mappings by every way`() throws {
        let mapping = #"{"one":[{"new_config_name":"two","rules":[{"rule_name":"all"}]}]}"#
        let rules = #"""
            {"all":{"name":"all","id":"all","passPercentage":100,"conditions":["later"],"returnValue":{},"idType":"userID"}}
            """#
        let text = Self.text.replacing(
            "\"checksum\":\"c\"",
            with: "\"checksum\":\"c\",\"overrides\":\(mapping),\"override_rules\":\(rules)"
        )
        let document = try #require(try SpecDocument.read(Array(text.utf8)))
        let read = try #require(try Ruleset(reading: Array(text.utf8), receivedAt: 0))
        for ruleset in try [read, Ruleset(compiling: document, receivedAt: 0)] {
            let evaluator = Evaluator(ruleset, from: .network, surroundings: Surroundings(now: { 0 }))
            let value = evaluator.dynamicConfig("one", for: FloodgateUser(userID: "u")).value
            #expect(value.map { JSONValue.object($0).text } == #"{"a":2,"b":1.0}"#)
        }
    }

    @Test func `knows a gate without a name, whatever it is asked for by`() throws {
        let unnamed = Self.text.replacing("\"open\":", with: "\"\":")
        for target in ["\"\"", "null", "5"] {
            let text = unnamed.replacing("\"op\\u0065n\"", with: target)
            let ruleset = try #require(try Ruleset(reading: Array(text.utf8), receivedAt: 0))
            #expect(ruleset.gateNames == ["", "asks"])
            let evaluator = Evaluator(ruleset, from: .network, surroundings: Surroundings(now: { 0 }))
            #expect(evaluator.checkGate("", for: FloodgateUser(userID: "u")))
            #expect(evaluator.checkGate("asks", for: FloodgateUser(userID: "u")))
        }
    }

    @Test func `compiles a document made by hand, whatever it says`() throws {
        var document = SpecDocument(time: 3)
        var gate = Spec(
            name: "g",
            type: "feature_gate",
            entity: "feature_gate",
            salt: "s",
            defaultValue: false,
            rules: []
        )
        gate.rules = [
            Rule(id: "r", name: "r", passPercentage: .integer(100), conditions: [.id("gone")], returnValue: true)
        ]
        document.gates = [gate, gate]
        document.others = ["sdk_flags": 5, "layers": 5, "condition_map": [:]]
        let ruleset = try Ruleset(compiling: document, receivedAt: 0)
        #expect(ruleset.time == 3)
        #expect(ruleset.gateNames == ["g", "g"])
        #expect(ruleset.sdkFlags.isEmpty)
    }

    @Test func `refuses a document made by hand that nobody would read`() {
        var document = SpecDocument(time: 3)
        document.others = ["deep": (0..<600).reduce(JSONValue.null) { value, _ in [value] }]
        #expect(throws: SpecError.self) { try Ruleset(compiling: document, receivedAt: 0) }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `accepts and refuses what the document's reader does, and never traps`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let sample = Array(Self.text.utf8)
        let parts = ["null", "1", "\"x\"", "[]", "{}", "true", "-1", "1.5", "[\"a\",1]", "{\"a\":1}"].map {
            Array($0.utf8)
        }
        for _ in 0..<50 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                guard let start = bytes[index...].firstIndex(of: UInt8(ascii: ":")) else { continue }
                let end = bytes[start...].firstIndex { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "}") }
                bytes.replaceSubrange(
                    start + 1..<(end ?? bytes.count),
                    with: parts.randomElement(using: &random) ?? []
                )
            }
            let document = Result { () throws(SpecError) in try SpecDocument.read(bytes) }
            let ruleset = Result { () throws(SpecError) in try Ruleset(reading: bytes, receivedAt: 0) }
            switch (document, ruleset) {
            case (.success(let document?), .success(let ruleset?)):
                #expect(try answers(Ruleset(compiling: document, receivedAt: 0)) == answers(ruleset))
            case (.success(nil), .success(nil)): break
            case (.failure(let left), .failure(let right)): #expect(left == right)
            default: Issue.record("\(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }
}
