// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs
import FloodgateTestSupport
import Testing

/// A small document that everything below is a variation of.
private func sample() throws -> JSONObject {
    let text = #"""
        {"has_updates":true,"time":1750000000000,"checksum":"17","company_id":"c",
         "feature_gates":{"g":{"type":"feature_gate","entity":"feature_gate","enabled":true,"salt":"s","idType":"userID",
          "defaultValue":false,"version":3,"isDeviceBased":false,
          "rules":[{"name":"all","id":"r","salt":"rs","passPercentage":12.5,"returnValue":true,"idType":"userID",
           "conditions":["c1"],"note":"kept"}]}},
         "dynamic_configs":{},"layer_configs":{},
         "condition_map":{"c1":{"type":"public","targetValue":null,"operator":null,"field":null,"additionalValues":{},
          "idType":"userID","extra":1}},
         "experiment_to_layer":{"e":"l"},"future":{"deep":[1.0,1]}}
        """#
    return try #require(try JSONValue(parsing: text).objectValue)
}

@Suite("Config-specs document") struct SpecDocumentTests {
    @Test func `comes out of the v2 reader and writer as it went in, unknown members too`() throws {
        let object = try sample()
        let document = try #require(try SpecDocument.read(.object(object)))
        #expect(document.json(.v2) == .object(object))
        #expect(document.gates.first?.rules.first?.passPercentage == .double(12.5))
        #expect(document.dropped.isEmpty)
    }

    @Test func `says the same in v1: lists, names, conditions in place, layers`() throws {
        let document = try #require(try SpecDocument.read(.object(try sample())))
        let v1 = document.json(.v1)
        #expect(v1["condition_map"] == nil)
        #expect(v1["layers"] == ["l": ["e"]])
        #expect(v1["feature_gates"]?.arrayValue?.first?["name"] == "g")
        let condition = v1["feature_gates"]?.arrayValue?.first?["rules"]?.arrayValue?.first?["conditions"]?.arrayValue?
            .first
        #expect(condition?["type"] == "public")
        let again = try #require(try SpecDocument.read(v1))
        #expect(again.json(.v1) == v1)
        #expect(again.experimentToLayer == ["e": "l"])
        #expect(again.gates.map(again.selfContained) == document.gates.map(document.selfContained))
    }

    @Test(arguments: [
        "big_number_dcs", "check_gate_perf_dcs", "dcs_missing_gates", "dcs_non_case_sensitive",
        "dcs_target_app_filtering", "dcs_target_app_filtering_hashed_keys", "dcs_user_agent_versions",
        "dcs_with_analytical_exposure_sampling", "dcs_with_checksum", "dcs_with_sampling", "dcs_with_sdk_configs",
        "demo_proj_dcs", "eval_proj_dcs", "shared_dict_original_dcs",
    ])
    func `survives both shapes for every sample document`(name: String) throws {
        guard let bytes = SharedData.bytes("data/specs/\(name).json") else { return }
        let document = try #require(try SpecDocument.read(bytes))
        #expect(document.dropped.isEmpty, "\(document.dropped)")
        let again = try #require(try SpecDocument.read(document.bytes(.v2)))
        #expect(again.json(.v2).bytes == document.json(.v2).bytes, "v2 is not the same after another round")
        let legacy = try #require(try SpecDocument.read(document.bytes(.v1)))
        #expect(legacy.json(.v1).bytes == document.json(.v1).bytes, "v1 is not the same after another round")
        #expect(legacy.dropped.isEmpty, "\(legacy.dropped)")
    }

    @Test func `is nothing new when the answer says so`() throws {
        #expect(try SpecDocument.read(Array("{\"has_updates\":false}".utf8)) == nil)
        var object = try sample()
        object["has_updates"] = false
        #expect(try SpecDocument.read(.object(object)) == nil)
    }

    @Test(arguments: [
        "has_updates", "time", "feature_gates", "dynamic_configs", "layer_configs", "condition_map",
        "experiment_to_layer",
    ])
    func `is refused without a member that must be there`(name: String) throws {
        for value in [nil, JSONValue.null] {
            var object = try sample()
            object[name] = value
            #expect(throws: SpecError.self) { try SpecDocument.read(.object(object)) }
        }
    }

    @Test(arguments: [
        ("time", "1.5", "/time"), ("time", "\"1\"", "/time"), ("time", "-1", "/time"), ("checksum", "5", "/checksum"),
        ("sdk_flags", #"{"a":1}"#, "/sdk_flags/a"), ("diagnostics", "[]", "/diagnostics"),
        ("sdk_configs", "3", "/sdk_configs"),
        ("experiment_to_layer", #"{"a/b":null}"#, "/experiment_to_layer/a~1b"),
        ("auto_capture_settings", "{}", "/auto_capture_settings"), ("param_stores", #"{"p":{}}"#, "/param_stores/p"),
        (
            "param_stores", #"{"p":{"parameters":{"x":{"ref_type":"odd","param_type":"string"}}}}"#,
            "/param_stores/p/parameters/x"
        ),
        ("condition_map", #"{"c1":{"idType":"userID"}}"#, "/condition_map/c1"),
        ("condition_map", #"{"c1":{"type":"public","idType":"userID","operator":1}}"#, "/condition_map/c1/operator"),
        (
            "condition_map", #"{"c1":{"type":"public","idType":"userID","additionalValues":{"salt":1}}}"#,
            "/condition_map/c1/additionalValues/salt"
        ),
    ])
    func `is refused as a whole for a wrong type, with the place`(name: String, value: String, pointer: String) throws {
        var object = try sample()
        object[name] = try JSONValue(parsing: value)
        let error = #expect(throws: SpecError.self) { try SpecDocument.read(.object(object)) }
        #expect(error?.pointer == pointer, "\(error.map(\.description) ?? "")")
    }

    @Test(
        arguments: [
            ("type", nil), ("salt", .null), ("enabled", 1), ("rules", nil), ("idType", nil), ("entity", nil),
            ("defaultValue", nil),
            ("version", .double(1)), ("version", -1), ("version", "1"), ("version", 4_294_967_296), ("isActive", "yes"),
        ] as [(String, JSONValue?)]
    )
    func `loses a broken spec alone`(name: String, value: JSONValue?) throws {
        var object = try sample()
        var gates = try #require(object["feature_gates"]?.objectValue)
        var broken = try #require(gates["g"]?.objectValue)
        broken[name] = value
        gates["broken"] = .object(broken)
        object["feature_gates"] = .object(gates)
        let document = try #require(try SpecDocument.read(.object(object)))
        #expect(document.gates.map(\.name) == ["g"])
        #expect(document.dropped.first?.pointer.hasPrefix("/feature_gates/broken") == true)
    }

    @Test(
        arguments: [
            ("name", nil), ("id", .null), ("idType", nil), ("passPercentage", "50"), ("conditions", .null),
            ("returnValue", nil),
            ("samplingRate", .double(1.5)), ("conditions", [["type": "public", "idType": "userID"]]),
        ] as [(String, JSONValue?)]
    )
    func `loses a spec with a broken rule`(name: String, value: JSONValue?) throws {
        var object = try sample()
        var gates = try #require(object["feature_gates"]?.objectValue)
        var spec = try #require(gates["g"]?.objectValue)
        var rule = try #require(spec["rules"]?.arrayValue?.first?.objectValue)
        rule[name] = value
        spec["rules"] = [.object(rule)]
        gates["broken"] = .object(spec)
        object["feature_gates"] = .object(gates)
        let document = try #require(try SpecDocument.read(.object(object)))
        #expect(document.gates.map(\.name) == ["g"])
        #expect(document.dropped.count == 1)
    }

    @Test func `shares equal conditions and never mixes different ones up`() {
        var table = ConditionTable()
        let first = table.intern(Condition(type: "public"))
        #expect(table.intern(Condition(type: "public")) == first)
        #expect(table.intern(Condition(type: "public", idType: "companyID")) != first)
        #expect(table.ids.count == 2)
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `is read or refused, never a trap, whatever stands in its members`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let odd: [JSONValue] = [
            .null, true, 0, -1, .double(0.5), "", "g", [], [.null], [:], ["a": .null], .number(.unsigned(.max)),
        ]
        for _ in 0..<50 {
            let mutated = Self.mutate(.object(try sample()), odd, &random)
            _ = try? SpecDocument.read(mutated)?.bytes(.v1)
        }
    }

    private static func mutate(_ value: JSONValue, _ odd: [JSONValue], _ random: inout SeededGenerator) -> JSONValue {
        if Int.random(in: 0..<25, using: &random) == 0 { return odd.randomElement(using: &random) ?? .null }
        switch value {
        case .array(let items): return .array(items.map { mutate($0, odd, &random) })
        case .object(let object):
            var copy = JSONObject()
            for member in object where Int.random(in: 0..<40, using: &random) > 0 {
                copy[member.name] = mutate(member.value, odd, &random)
            }
            return .object(copy)
        default: return value
        }
    }
}
