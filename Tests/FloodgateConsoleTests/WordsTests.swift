// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import Testing

import FloodgateConsole

@Suite("Rules in words") struct WordsTests {
    @Test(arguments: [
        (Condition(type: "public"), "everyone"),
        (
            Condition(type: "user_field", operator: "any", targetValue: ["CA", "US"], field: "country"),
            "country is one of CA US"
        ),
        (Condition(type: "user_field", operator: "gte", targetValue: 500, field: "points"), "points is at least 500"),
        (
            Condition(type: "user_field", operator: "version_lt", targetValue: "3.2", field: "appVersion"),
            "appVersion is a version before 3.2"
        ),
        (Condition(type: "user_field", operator: "eq", targetValue: .null, field: "plan"), "plan equals nothing"),
        (
            Condition(type: "current_time", operator: "after", targetValue: 1_772_000_000_000),
            "the time is after 2026-02-25 06:13:20 UTC"
        ),
        (
            Condition(type: "unit_id", operator: "in_segment_list", targetValue: "testers"),
            "userID is on the list testers"
        ),
        (
            Condition(type: "who_knows", operator: "any", targetValue: []),
            "who_knows (not supported, never passes) is one of"
        ),
    ])
    func `reads a condition`(condition: Condition, words: String) {
        let phrase = ConditionInWords(condition)
        let text = ([phrase.subject, phrase.relation] + phrase.targets).filter { !$0.isEmpty }.joined(separator: " ")
        #expect(text == words)
    }

    @Test func `shortens long lists`() {
        let targets = JSONValue.array((1...20).map { .integer($0) })
        let phrase = ConditionInWords(Condition(type: "user_field", operator: "any", targetValue: targets, field: "n"))
        #expect(phrase.targets.count == 8)
        #expect(phrase.moreTargets == 12)
    }

    @Test func `shares an experiment's buckets out`() {
        func group(_ name: String, below end: Int64) -> Rule {
            var rule = Rule(
                id: name,
                name: name,
                passPercentage: .integer(100),
                conditions: [.inline(Condition(type: "user_bucket", operator: "lt", targetValue: .integer(end)))],
                returnValue: ["colour": .string(name)]
            )
            rule.groupName = name
            rule.isExperimentGroup = true
            return rule
        }
        let spec = Spec(
            name: "e",
            type: "dynamic_config",
            entity: "experiment",
            salt: "s",
            defaultValue: [:],
            rules: [group("red", below: 334), group("blue", below: 1000)]
        )
        let entity = Entity(
            kind: .experiment,
            spec: spec,
            revision: 1,
            createdTime: 0,
            modifiedTime: 0,
            modifiedBy: "ana"
        )
        let groups = GroupsView(entity, inLayer: false)
        #expect(groups?.groupRows.map(\.groupShare) == ["33.4%", "66.6%"])
        #expect(groups?.parameterNames == ["colour"])
    }

    @Test(
        arguments: [
            (0, "1970-01-01 00:00:00 UTC"), (951_827_696_000, "2000-02-29 12:34:56 UTC"),
            (4_102_444_799_999, "2099-12-31 23:59:59 UTC"), (Int64.min, "1970-01-01 00:00:00 UTC"),
            (Int64.max, "9999-12-31 23:59:59 UTC"),
        ] as [(Int64, String)]
    )
    func `writes times in UTC`(time: Int64, text: String) {
        #expect(TimeText(time, now: time).exact == text)
    }

    @Test(
        arguments: [
            (3, "just now"), (42, "42 s ago"), (150, "2 min ago"), (7200, "2 h ago"), (100_000, "yesterday"),
            (300_000, "3 days ago"), (5_000_000, "1970-05-15"),
        ] as [(Int64, String)]
    )
    func `says how long ago something was`(seconds: Int64, text: String) {
        let time: Int64 = 11_600_000_000
        #expect(TimeText(time, now: time + seconds * 1000).ago == text)
    }

    @Test(arguments: ["", "a/b c?x=1&y#z", "ü+%", "..", "\"<>'", "名"])
    func `encodes names for addresses and back`(name: String) {
        let encoded = URLText.encoded(name)
        #expect(URLText.decoded(encoded) == name)
        #expect(encoded.utf8.allSatisfy { $0 < 0x80 && !"/?#&+<>\"' ".utf8.contains($0) })
    }

    @Test func `reads forms`() {
        #expect(
            URLText.form("reason=a+b%21&enabled=true&empty=") == ["reason": "a b!", "enabled": "true", "empty": ""]
        )
        #expect(URLText.form("a=%zz") == nil)
        #expect(URLText.form("a=%ff") == nil)
        #expect(URLText.form("a=%4") == nil)
        #expect(URLText.form("a=1&b=2&a=1") == nil, "of two equal names neither is the better")
        #expect(URLText.form("") == [:])
    }
}
