// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// How users are read by rules, and told of.
@Suite("Users", .timeLimit(.minutes(5))) struct UserTests {
    private func client(
        _ condition: JSONObject,
        idType: String = "userID",
        change: (inout FloodgateClient.Options) -> Void = { _ in }
    ) async -> FloodgateClient {
        var options = FloodgateClient.Options()
        let rule = TestDocument.rule("r", condition: "asked", returns: true)
        options.bootstrap =
            TestDocument(extra: [
                "condition_map": ["asked": .object(condition)],
                "feature_gates": [
                    "gate": TestDocument.spec(
                        "feature_gate",
                        default: false,
                        rules: [rule],
                        ["idType": .string(idType)]
                    )
                ],
                "dynamic_configs": [:], "layer_configs": [:],
            ]).bytes
        options.disableNetwork = true
        change(&options)
        let client = FloodgateClient(key: "secret-x", options: options)
        await client.initialize()
        return client
    }

    @Test(.rows("USR-09"), arguments: ["userID", "UserID", "userid", "USERID", "user_id"])
    func `are found by their ID however a rule spells it`(field: String) async {
        let client = await client([
            "type": "user_field", "operator": "any", "field": .string(field), "targetValue": ["u1"],
            "idType": "userID",
        ])
        #expect(client.checkGate("gate", for: FloodgateUser(userID: "u1")))
        #expect(!client.checkGate("gate", for: FloodgateUser(userID: "u2")))
    }

    @Test(.rows("USR-09"), arguments: ["appVersion", "appversion", "AppVersion", "app_version"])
    func `are found by an attribute however a rule spells it`(field: String) async {
        let client = await client([
            "type": "user_field", "operator": "any", "field": .string(field), "targetValue": ["1.2"],
            "idType": "userID",
        ])
        #expect(client.checkGate("gate", for: FloodgateUser(appVersion: "1.2")))
        #expect(!client.checkGate("gate", for: FloodgateUser(appVersion: "1.3")))
    }

    /// Recorded from Statsig's core: first the name as it is, then in lower case, and nothing else.
    @Test(
        .rows("USR-12"),
        arguments: [
            (["companyID": "c1"], true), (["companyid": "c1"], true), (["COMPANYID": "c1"], false),
            (["companyID": "c2", "companyid": "c1"], false), (["companyid": "c2", "companyID": "c1"], true),
        ] as [(JSONObject, Bool)]
    )
    func `are units by custom IDs of the exact name or else in lower case`(ids: JSONObject, isFound: Bool) async {
        let client = await client(
            ["type": "unit_id", "operator": "any", "field": .null, "targetValue": ["c1"], "idType": "companyID"],
            idType: "companyID"
        )
        #expect(client.checkGate("gate", for: FloodgateUser(userID: "u1", customIDs: ids)) == isFound)
    }

    @Test(.rows("USR-10")) func `are told of without anything having happened`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            client.identify(FloodgateUser(userID: "u1", custom: ["plan": "pro"], privateAttributes: ["secret": "x"]))
            await client.flush()
            #expect(bench.server.events.count == 1)
            let event = try #require(bench.server.events.first)
            #expect(event["eventName"] == "statsig::identify")
            #expect(event["user"] == ["userID": "u1", "custom": ["plan": "pro"]])
            #expect(event["value"] == .null)
            await client.shutdown()
        }
    }

    @Test(.rows("OVR-05")) func `with two overridden custom IDs get what the first one says`() async {
        let client = await client(["type": "public", "targetValue": .null, "operator": .null, "idType": "userID"])
        client.overrideGate("gate", to: false, forID: "a")
        client.overrideGate("gate", to: true, forID: "b")
        for _ in 0..<2 {
            #expect(!client.checkGate("gate", for: FloodgateUser(customIDs: ["first": "a", "second": "b"])))
            #expect(client.checkGate("gate", for: FloodgateUser(customIDs: ["first": "b", "second": "a"])))
            // Whatever their names, and whichever override is older.
            #expect(client.checkGate("gate", for: FloodgateUser(customIDs: ["z": "b", "a": "a"])))
            client.overrideGate("gate", to: false, forID: "a")
        }
    }

    @Test(.rows("INI-29")) func `have a country and a browser from the first check on`() async throws {
        func check(_ type: String, _ field: String, _ value: String, _ user: FloodgateUser) async -> Bool {
            await client([
                "type": .string(type), "operator": "any", "field": .string(field), "targetValue": [.string(value)],
                "idType": "userID",
            ]).checkGate("gate", for: user)
        }
        #expect(await check("ip_based", "country", "US", FloodgateUser(ip: "8.8.8.8")))
        #expect(await !check("ip_based", "country", "DE", FloodgateUser(ip: "8.8.8.8")))
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
        #expect(await check("ua_based", "browser_name", "Firefox", FloodgateUser(userAgent: agent)))
    }
}
