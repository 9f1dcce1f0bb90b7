// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateFlags
import Testing

@Suite("Evaluation contexts") struct EvaluationContextTests {
    @Test func `become users`() throws {
        let context = try EvaluationContext(
            json: [
                "targetingKey": "ann", "email": "ann@example.com", "ip": "192.0.2.7", "userAgent": "curl/8",
                "country": "CH", "locale": "de_CH", "appVersion": "3.2.0", "customIDs": ["companyID": "acme"],
                "custom": ["plan": "pro"], "privateAttributes": ["salary": 1], "seats": 7, "userID": "other",
                "nothing": .null,
            ]
        )
        #expect(context.targetingKey == "ann")
        let expected = FloodgateUser(
            userID: "ann",
            customIDs: ["companyID": "acme"],
            email: "ann@example.com",
            ip: "192.0.2.7",
            userAgent: "curl/8",
            country: "CH",
            locale: "de_CH",
            appVersion: "3.2.0",
            custom: ["plan": "pro", "seats": 7, "userID": "other"],
            privateAttributes: ["salary": 1]
        )
        #expect(try FloodgateUser(context) == expected)
        #expect(try FloodgateUser(EvaluationContext()) == FloodgateUser())
    }

    @Test(
        arguments: [
            ["email": ["a"]], ["ip": [:]], ["customIDs": "acme"], ["custom": 1], ["privateAttributes": true],
        ] as [JSONObject]
    )
    func `are refused if an attribute is not what its name says`(attributes: JSONObject) {
        #expect {
            try FloodgateUser(EvaluationContext(targetingKey: "ann", attributes: attributes))
        } throws: { error in
            (error as? FlagError)?.code == .invalidContext
        }
    }

    @Test(arguments: [[], "ann", ["targetingKey": 7]] as [JSONValue])
    func `are refused if they do not read`(json: JSONValue) {
        #expect {
            try EvaluationContext(json: json)
        } throws: { error in
            (error as? FlagError)?.code == .invalidContext
        }
    }

    @Test func `add up`() {
        let base = EvaluationContext(targetingKey: "nobody", attributes: ["plan": "free", "country": "CH"])
        let merged = base.merging(EvaluationContext(targetingKey: "ann", attributes: ["plan": "pro"]))
        #expect(merged == EvaluationContext(targetingKey: "ann", attributes: ["plan": "pro", "country": "CH"]))
        #expect(base.merging(EvaluationContext()) == base)
        #expect(EvaluationContext().merging(base) == base)
    }
}
