// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs
import Testing

@Suite("Ranking of a contextual bandit's groups") struct BanditRankingTests {
    private func evaluator(_ change: (inout JSONObject) -> Void = { _ in }) throws -> Evaluator {
        func model(_ alpha: JSONValue, _ numerical: JSONObject, _ categorical: JSONObject = [:]) -> JSONValue {
            [
                "alpha": alpha, "intercept": 0, "records": 1, "weightsNumerical": .object(numerical),
                "weightsCategorical": .object(categorical),
            ]
        }
        var bandit: JSONObject = [
            "salt": "b", "idType": "userID", "defaultValue": [:], "enabled": true, "version": 1, "sampleRate": 0,
            "higherIsBetter": true,
            "groups": [
                ["name": "A", "id": "a", "parameterValues": ["v": 1]],
                ["name": "B", "id": "b", "parameterValues": ["v": 2]],
                ["name": "C", "id": "c", "parameterValues": 5], ["name": "D", "id": "d", "parameterValues": [:]],
            ],
            "config": [
                "a": model(1, ["age": 1]), "b": model(0, ["age": 1], ["plan": ["pro": 10]]), "c": model(3, [:]),
            ],
        ]
        change(&bandit)
        let gate: JSONValue = [
            "type": "feature_gate", "entity": "feature_gate", "salt": "s", "enabled": true, "defaultValue": false,
            "rules": [], "idType": "userID",
        ]
        let document: JSONValue = [
            "has_updates": true, "time": 1, "feature_gates": ["closed": gate], "dynamic_configs": [:],
            "layer_configs": [:], "condition_map": [:], "experiment_to_layer": [:],
            "cmab_configs": ["bandit": .object(bandit)],
        ]
        let read = try #require(try SpecDocument.read(document))
        return Evaluator(
            try Ruleset(compiling: read, receivedAt: 0),
            from: .network,
            surroundings: Surroundings(now: { 0 }, random: { 0 })
        )
    }

    private let user = FloodgateUser(userID: "u", custom: ["age": 2, "plan": "pro"])

    @Test func `puts the best first, the unscored at 0, the earlier of equals before the later`() throws {
        let ranking = try evaluator().rankedGroups(ofBandit: "bandit", for: user)
        #expect(ranking.map(\.name) == ["B", "A", "C", "D"])
        #expect(ranking.map(\.score) == [12, 3, 0, 0])
        #expect(ranking.map(\.ruleID) == ["b", "a", "c", "d"])
        #expect(ranking.map(\.value) == [["v": 2], ["v": 1], nil, [:]])
        let best = try evaluator().experiment("bandit", for: user)
        #expect(best.ruleID == ranking.first?.ruleID && best.value == ranking.first?.value)
    }

    @Test func `turns round where less is better`() throws {
        let ranking = try evaluator { $0["higherIsBetter"] = false }.rankedGroups(ofBandit: "bandit", for: user)
        #expect(ranking.map(\.name) == ["C", "D", "A", "B"])
    }

    @Test func `leaves the order to chance while it explores`() throws {
        let exploring = try evaluator { $0["sampleRate"] = 1 }.rankedGroups(ofBandit: "bandit", for: user)
        #expect(exploring.allSatisfy { $0.score == 0.0001 && $0.ruleID.hasSuffix(":explore") })
        #expect(Set(exploring.map(\.name)) == ["A", "B", "C", "D"])
        let untrained = try evaluator { $0["config"] = nil }.rankedGroups(ofBandit: "bandit", for: user)
        #expect(
            untrained.allSatisfy { $0.score == 0.0001 } && untrained.map(\.ruleID).sorted() == ["a", "b", "c", "d"]
        )
        #expect(untrained.map(\.name) == ["B", "C", "D", "A"], "as the source of chance draws them")
    }

    @Test func `is empty where there is nothing to rank`() throws {
        #expect(try evaluator().rankedGroups(ofBandit: "none", for: user).isEmpty)
        #expect(try evaluator { $0["enabled"] = false }.rankedGroups(ofBandit: "bandit", for: user).isEmpty)
        #expect(try evaluator { $0["groups"] = [] }.rankedGroups(ofBandit: "bandit", for: user).isEmpty)
        let kept = try evaluator { $0["targetingGateName"] = "closed" }
        #expect(kept.rankedGroups(ofBandit: "bandit", for: user).isEmpty)
        let early = Evaluator(nil, from: .loading, surroundings: Surroundings(now: { 0 }))
        #expect(early.rankedGroups(ofBandit: "bandit", for: user).isEmpty)
    }
}
