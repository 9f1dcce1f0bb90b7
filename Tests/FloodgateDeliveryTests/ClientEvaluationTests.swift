// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import Testing

@Suite("Client evaluation") struct ClientEvaluationTests {
    private func evaluation(_ caller: ClientEvaluation.Caller = .init(clientKey: "client-1")) throws -> ClientEvaluation
    {
        ClientEvaluation(try PreparedSnapshotTests.snapshot(), idLists: [:], caller: caller, now: { 0 })
    }

    private func initialize(_ request: JSONObject, by evaluation: ClientEvaluation) throws -> JSONObject {
        try #require(JSONValue(parsing: evaluation.initialize(request)).objectValue)
    }

    @Test func `answers a client with hashed names`() throws {
        let answer = try initialize(["user": ["userID": "u"], "hash": "djb2"], by: evaluation())
        #expect(answer["has_updates"] == true)
        #expect(answer["hash_used"] == "djb2")
        #expect(answer["feature_gates"]?["103"]?["value"] == true, "103 is djb2 of g")
    }

    @Test func `gives plain names only to who may download the specs`() throws {
        let client = try initialize(["user": [:], "hash": "none"], by: evaluation())
        #expect(client["hash_used"] == "djb2")
        let server = try initialize(["user": [:], "hash": "none"], by: evaluation(.init()))
        #expect(server["feature_gates"]?["g"] != nil)
    }

    @Test(arguments: [
        (1_750_000_360_000 as Int64, false), (1_750_000_360_001, false), (1_750_000_359_999, true), (0, true),
        (-1, true),
    ])
    func `says when the client has it already`(sinceTime: Int64, isUpdate: Bool) throws {
        let answer = try initialize(["user": [:], "sinceTime": .integer(sinceTime)], by: evaluation())
        #expect(answer["has_updates"] == .bool(isUpdate))
    }

    @Test func `never sends private attributes or what it added itself`() throws {
        let caller = ClientEvaluation.Caller(clientKey: "client-1", address: "10.0.0.1", userAgent: "agent")
        let user: JSONValue = ["userID": "u", "privateAttributes": ["email": "secret@example.com"]]
        let answer = try initialize(["user": user, "statsigMetadata": ["stableID": "s1"]], by: evaluation(caller))
        let text = JSONValue.object(answer).text
        #expect(!text.contains("secret@example.com"))
        #expect(!text.contains("10.0.0.1"))
        #expect(answer["user"]?["customIDs"]?["stableID"] == "s1")
    }

    @Test func `answers the HTTP API`() throws {
        let evaluation = try evaluation()
        let user = evaluation.sentUser(["user": ["userID": "u"]])
        #expect(
            evaluation.gate("g", user).answer == ["name": "g", "value": true, "rule_id": "r1", "group_name": .null]
        )
        #expect(
            evaluation.gate("x", user).answer == ["name": "x", "value": false, "rule_id": .null, "group_name": .null]
        )
        let config = evaluation.config("x", user).answer
        #expect(config == ["name": "x", "value": [:], "group": "", "rule_id": .null, "group_name": .null])
        #expect(evaluation.layer("x", user) == nil)
    }
}
