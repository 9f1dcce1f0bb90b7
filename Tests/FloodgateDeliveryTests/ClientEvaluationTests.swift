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

    @Test func `tells a client that says what it holds exactly whether that still holds`() throws {
        let first = try initialize(["user": ["userID": "u"]], by: evaluation())
        let checksum = try #require(first["full_checksum"])
        var request: JSONObject = ["user": ["userID": "u"], "full_checksum": checksum]
        request.set("sinceTime", first["time"])
        #expect(try initialize(request, by: evaluation()) == ["has_updates": false])
        // What the client holds is of before an ID list changed, say.
        request["full_checksum"] = "1"
        #expect(try initialize(request, by: evaluation())["full_checksum"] == checksum)
    }

    @Test(arguments: ["g", "gg", "ggggggg", "gggggggg", "ggggggggg", "ggggggggf", "", "\u{0}", "\u{0}\u{0}"])
    func `has one checksum for one text`(text: String) throws {
        let others = ["g", "gg", "ggggggg", "gggggggg", "ggggggggg", "ggggggggf", "", "\u{0}", "\u{0}\u{0}"]
        let sums = others.map { other in Array(other.utf8).withUnsafeBytes { AnswerChecksum.text(of: $0) } }
        let sum = Array(text.utf8).withUnsafeBytes { AnswerChecksum.text(of: $0) }
        #expect(sums.filter { $0 == sum }.count == 1)
    }

    @Test func `tells a client that moved to another country to ask anew`() throws {
        let caller = ClientEvaluation.Caller(clientKey: "client-1", address: "8.8.8.8")
        let first = try initialize(["user": ["userID": "u"]], by: evaluation(caller))
        #expect(first["derived_fields"] == ["country": "US"])
        for (previous, isUpdate) in [("US", false), ("NZ", true)] {
            var request: JSONObject = [
                "user": ["userID": "u"], "previousDerivedFields": ["country": .string(previous)],
            ]
            request.set("sinceTime", first["time"])
            #expect(try initialize(request, by: evaluation(caller))["has_updates"] == .bool(isUpdate))
        }
    }

    @Test func `writes names by each kind of hash`() throws {
        for (hash, name) in [
            ("djb2", "103"), ("sha256", "zQqphWFHtsW0/yt9/uXaIKo4JTCZ7xtKZKztIzya/ik="), ("no such", "103"),
        ] {
            let answer = try initialize(["user": [:], "hash": .string(hash)], by: evaluation())
            #expect(answer["feature_gates"]?.objectValue?.names.contains(name) == true, "\(hash)")
            #expect(answer["hash_used"] == .string(hash == "no such" ? "djb2" : hash))
        }
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
