// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import FloodgateSpecs
import Testing

@Suite("Deltas for clients") struct ClientDeltaTests {
    /// A document of gates, of which the ones named are switched off or left out.
    private func snapshot(_ time: Int64, off: Set<Int> = [], without: Set<Int> = []) throws -> PreparedSnapshot {
        func rule(_ value: JSONValue) -> JSONValue {
            [
                "name": "everyone", "id": "everyone", "salt": "r", "passPercentage": 100, "returnValue": value,
                "idType": "userID", "conditions": [["type": "public", "idType": "userID"]],
            ]
        }
        let gates = (0..<40).filter { !without.contains($0) }.map { number -> JSONValue in
            [
                "name": .string("gate_\(number)"), "entity": "feature_gate", "type": "feature_gate", "salt": "s",
                "idType": "userID", "enabled": .bool(!off.contains(number)), "defaultValue": false,
                "rules": .array(off.contains(number) ? [] : [rule(true)]),
            ]
        }
        let config: JSONValue = [
            "name": "numbers", "entity": "dynamic_config", "type": "dynamic_config", "salt": "s", "idType": "userID",
            "enabled": true, "defaultValue": [:],
            "rules": [rule(["10": 1.0, "b": 1e21, "9": 0.000_000_5, "a": "ü\u{1}\n"])],
        ]
        let document = try #require(
            try SpecDocument.read([
                "has_updates": true, "time": .integer(time), "checksum": .string("c\(time)"),
                "feature_gates": .array(gates), "dynamic_configs": [config], "layer_configs": [],
            ])
        )
        return try PreparedSnapshot(document, environment: "production", receivedAt: 0)
    }

    private func answer(_ request: JSONObject, of new: PreparedSnapshot, after old: PreparedSnapshot?) throws
        -> JSONObject
    {
        let evaluation = ClientEvaluation(
            new,
            after: old,
            idLists: [:],
            caller: .init(clientKey: "client-1"),
            now: { 0 }
        )
        return try #require(JSONValue(parsing: evaluation.initialize(request)).objectValue)
    }

    private let user: JSONObject = ["user": ["userID": "u"]]

    /// What a client that holds `held` asks.
    private func question(_ held: JSONObject) -> JSONObject {
        var request = user
        request["deltasResponseRequested"] = true
        request.set("sinceTime", held["time"])
        request.set("full_checksum", held["full_checksum"])
        return request
    }

    /// As a client puts the two together.
    private func merged(_ held: JSONObject, _ delta: JSONObject) -> JSONObject {
        var whole = held
        for member in delta { whole[member.name] = member.value }
        for (section, deletions) in [
            ("feature_gates", "deleted_gates"), ("dynamic_configs", "deleted_configs"),
            ("layer_configs", "deleted_layers"),
        ] {
            var entries = held[section]?.objectValue ?? JSONObject()
            for entry in delta[section]?.objectValue ?? JSONObject() { entries[entry.name] = entry.value }
            for name in delta[deletions]?.arrayValue ?? [] { entries[name.stringValue ?? ""] = nil }
            whole[section] = .object(entries)
            whole[deletions] = nil
        }
        return whole
    }

    @Test func `hold what is new, other or gone, and come to the whole`() throws {
        let (old, new) = (try snapshot(1_000), try snapshot(2_000, off: [3], without: [7, 8]))
        let held = try answer(user, of: old, after: nil)
        let delta = try answer(question(held), of: new, after: old)
        #expect(delta["is_delta"] == true)
        #expect(delta["has_updates"] == true)
        #expect(delta["feature_gates"]?.objectValue?.names.count == 1)
        #expect(delta["deleted_gates"]?.arrayValue?.count == 2)
        let whole = try answer(user, of: new, after: old)
        let put = merged(held, delta)
        for section in ["feature_gates", "dynamic_configs", "layer_configs"] {
            let (left, right) = (put[section]?.objectValue, whole[section]?.objectValue)
            #expect(left?.names.sorted() == right?.names.sorted())
            for entry in right ?? JSONObject() { #expect(left?[entry.name]?.text == entry.value.text) }
        }
        #expect(put["full_checksum"] == whole["full_checksum"], "or the next delta would have no ground")
        #expect(put["time"] == 2_000)
        // Worked out by a JavaScript engine, from the whole response.
        #expect(delta["checksumV2"] == "2601846967")
    }

    @Test func `are for nobody but those who hold what they add to`() throws {
        let (old, new) = (try snapshot(1_000), try snapshot(2_000, off: [3]))
        let held = try answer(user, of: old, after: nil)
        var another = question(held)
        another["full_checksum"] = "1"
        var earlier = question(held)
        earlier["sinceTime"] = 999
        var silent = question(held)
        silent["deltasResponseRequested"] = false
        var unsaid = question(held)
        unsaid["full_checksum"] = nil
        var stranger = question(held)
        stranger["hash"] = "sha256"
        for request in [another, earlier, silent, unsaid, stranger] {
            let whole = try answer(request, of: new, after: old)
            #expect(whole["is_delta"] == nil)
            #expect(whole["feature_gates"]?.objectValue?.names.count == 40)
        }
        #expect(try answer(question(held), of: new, after: nil)["is_delta"] == nil)
    }

    @Test func `are not sent where nearly everything has changed`() throws {
        let (old, new) = (try snapshot(1_000), try snapshot(2_000, off: Set(0..<40)))
        let held = try answer(user, of: old, after: nil)
        #expect(try answer(question(held), of: new, after: old)["is_delta"] == nil)
    }

    @Test(arguments: [
        (
            "[1.0,-0.0,1e21,123456789012345680000,0.000001,1e-7,1.5e300,-2.50,9007199254740993,0.1]",
            "[1,0,1e+21,123456789012345680000,0.000001,1e-7,1.5e+300,-2.5,9007199254740992,0.1]"
        ),
        (
            #"{"b":1,"10":2,"9":3,"a":4,"01":5,"4294967295":6,"4294967294":7}"#,
            #"{"9":3,"10":2,"4294967294":7,"b":1,"a":4,"01":5,"4294967295":6}"#
        ),
        (#"["ü\u0001\n\t\"\\/\u2028😀"]"#, "[\"ü\\u0001\\n\\t\\\"\\\\/\u{2028}😀\"]"),
    ])
    func `are hashed over what a JavaScript engine writes`(json: String, text: String) throws {
        #expect(ECMAScriptText.text(of: try JSONValue(parsing: json)) == text)
    }

    @Test func `are hashed over sorted names, as deep as entries are`() throws {
        let value = try JSONValue(parsing: #"{"z":{"b":{"d":{"y":1,"x":2},"c":1}},"2":1,"a":[{"q":1,"p":2}]}"#)
        #expect(
            ECMAScriptText.text(of: value, .sorted(levels: 2))
                == #"{"2":1,"a":[{"q":1,"p":2}],"z":{"b":{"c":1,"d":{"y":1,"x":2}}}}"#
        )
        #expect(ECMAScriptText.djb2("floodgate 😀") == "2677080858")
    }
}
