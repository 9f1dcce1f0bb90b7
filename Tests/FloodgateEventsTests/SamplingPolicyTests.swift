// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateJSON
import Testing

@Suite("Sampling policy") struct SamplingPolicyTests {
    private func policy(_ mode: String, special: JSONValue? = nil) -> SamplingPolicy {
        var configs: JSONObject = ["sampling_mode": .string(mode)]
        configs.set("special_case_sampling_rate", special)
        return SamplingPolicy(sdkConfigs: configs)
    }

    private func verdict(
        _ policy: SamplingPolicy,
        rule: String = "r",
        rate: UInt64? = 3,
        isForced: Bool = false,
        isFirst: Bool = false,
        hash: UInt64 = 1
    ) -> SamplingPolicy.Verdict {
        let candidate = SamplingPolicy.Candidate(ruleID: rule, rate: rate, isForced: isForced)
        return policy.verdict(on: candidate, isFirst: { isFirst }, hash: { hash })
    }

    private func sent(_ rate: UInt64?, _ mode: String, _ wasLogged: Bool = true) -> SamplingPolicy.Verdict {
        .sent(ExposureRecord.Sampling(rate: rate, mode: mode, wasLogged: wasLogged))
    }

    @Test func `sends all without a mode that it knows`() {
        #expect(verdict(.all) == .exempt)
        #expect(verdict(policy("none")) == .exempt)
        #expect(verdict(policy("On")) == .exempt)
        #expect(verdict(SamplingPolicy(sdkConfigs: ["sampling_mode": 1])) == .exempt)
    }

    @Test func `draws by the hash`() {
        #expect(verdict(policy("on"), hash: 6) == sent(3, "on"))
        #expect(verdict(policy("on"), hash: 7) == .dropped)
        #expect(verdict(policy("shadow"), hash: 6) == sent(3, "shadow"))
        #expect(verdict(policy("shadow"), hash: 7) == sent(3, "shadow", false))
        #expect(verdict(policy("on"), rate: nil) == sent(nil, "on"))
        #expect(verdict(policy("on"), rate: 0) == sent(0, "on"))
        #expect(verdict(policy("on"), rate: .max, hash: .max) == sent(.max, "on"))
    }

    @Test func `exempts what is forced, and the first of its kind`() {
        #expect(verdict(policy("on"), isForced: true) == .exempt)
        #expect(verdict(policy("on"), isFirst: true) == .exempt)
        var wasAsked = false
        let candidate = SamplingPolicy.Candidate(ruleID: "r", rate: 3, isForced: true)
        _ = policy("on").verdict(on: candidate) {
            wasAsked = true
            return true
        } hash: {
            0
        }
        #expect(!wasAsked, "a forced exposure is not the first of the others")
    }

    @Test(arguments: ["default", "disabled", ""]) func `has a rate for what no rule decided`(rule: String) {
        #expect(verdict(policy("on", special: 7), rule: rule, rate: nil, hash: 7) == sent(7, "on"))
        #expect(verdict(policy("on", special: 7), rule: rule, rate: 3, hash: 3) == .dropped)
        #expect(verdict(policy("on", special: 7.9), rule: rule, hash: 14) == sent(7, "on"))
        #expect(verdict(policy("on", special: "7"), rule: rule, rate: nil) == sent(nil, "on"))
        #expect(verdict(policy("on", special: -1), rule: rule, rate: nil) == sent(0, "on"))
        #expect(verdict(policy("on", special: 1e300), rule: rule, rate: nil) == sent(nil, "on"))
        #expect(verdict(policy("on", special: 7), rule: "other", rate: nil) == sent(nil, "on"))
    }
}
