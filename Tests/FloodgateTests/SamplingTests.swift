// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// Rows EVT-24 to EVT-28 of the checklist: documents that want fewer exposures.
@Suite("Exposure sampling", .timeLimit(.minutes(5))) struct SamplingTests {
    private static let rate = 3
    private static let users = (0..<600).map { FloodgateUser(userID: "u\($0)") }

    /// A document with a gate of each kind that sampling tells apart.
    private static func document(mode: String) -> TestDocument {
        func gate(_ rule: JSONValue?, _ rate: Int? = nil, _ more: JSONObject = [:]) -> JSONValue {
            var rules: [JSONValue] = []
            if var members = rule?.objectValue {
                members.set("samplingRate", rate.map { .integer($0) })
                rules = [.object(members)]
            }
            return TestDocument.spec("feature_gate", default: false, rules: rules, more)
        }
        func rule(_ id: String, _ condition: String = "public") -> JSONValue {
            TestDocument.rule(id, condition: condition, returns: true)
        }
        return TestDocument(
            extra: [
                "sdk_configs": ["sampling_mode": .string(mode), "special_case_sampling_rate": 1_000_000_007],
                "feature_gates": [
                    "open": gate(rule("r_open")), "sampled": gate(rule("r_sampled"), rate),
                    "forward": gate(rule("r_forward"), rate, ["forwardAllExposures": true]),
                    "analytical": gate(rule("r_analytical", "pass_open"), rate), "none": gate(nil),
                ],
            ]
        )
    }

    /// What arrives for one exposure of each user.
    private func sample(_ gate: String, mode: String) async throws -> [JSONValue] {
        var found: [JSONValue] = []
        try await Bench.run(Self.document(mode: mode)) { bench in
            let client = bench.makeClient()
            await client.initialize()
            for user in Self.users { _ = client.checkGate(gate, for: user) }
            await client.flush()
            found = bench.server.events
            await client.shutdown()
        }
        return found
    }

    @Test(.rows("EVT-24, EVT-28")) func `sends the first exposure, then one in so many`() async throws {
        let events = try await sample("sampled", mode: "on")
        #expect(events.first?["statsigMetadata"] == [:])
        let drawn = events.dropFirst()
        #expect(160...240 ~= drawn.count, "about a third of 599")
        let metadata: JSONValue = ["samplingRate": 3, "samplingMode": "on", "shadowLogged": "logged"]
        #expect(drawn.allSatisfy { $0["statsigMetadata"] == metadata })
        let again = try await sample("sampled", mode: "on")
        #expect(events.map { $0["user"] } == again.map { $0["user"] }, "each process draws the same users")
    }

    @Test(.rows("EVT-25")) func `sends all and tells which it would not have sent`() async throws {
        let events = try await sample("sampled", mode: "shadow")
        #expect(events.count == Self.users.count)
        let verdicts = events.dropFirst().map { $0["statsigMetadata"]?["shadowLogged"] }
        #expect(verdicts.contains("logged") && verdicts.contains("dropped"))
        let drawn = try await sample("sampled", mode: "on")
        let logged = events.filter { $0["statsigMetadata"]?["shadowLogged"] != "dropped" }
        #expect(logged.map { $0["user"] } == drawn.map { $0["user"] })
    }

    @Test(.rows("EVT-24, EVT-26"), arguments: ["open", "forward", "analytical"])
    func `sends all of what must not be sampled`(gate: String) async throws {
        let events = try await sample(gate, mode: "on")
        #expect(events.count == Self.users.count)
        let isRateless = events.allSatisfy { $0["statsigMetadata"]?["samplingRate"] == nil }
        #expect(isRateless)
    }

    @Test(.rows("EVT-27")) func `has a rate of its own where no rule decides`() async throws {
        #expect(try await sample("none", mode: "on").count == 1)
        #expect(try await sample("none", mode: "none").count == Self.users.count)
    }

    @Test func `sends another first exposure after a minute`() async throws {
        try await Bench.run(Self.document(mode: "on")) { bench in
            let client = bench.makeClient()
            await client.initialize()
            _ = client.checkGate("none", for: Self.users[0])
            _ = client.checkGate("none", for: Self.users[1])
            bench.clock.advance(by: .seconds(60))
            _ = client.checkGate("none", for: Self.users[2])
            _ = client.checkGate("none", for: Self.users[3])
            await client.flush()
            #expect(bench.server.events.map { $0["user"]?["userID"] } == ["u0", "u2"])
            await client.shutdown()
        }
    }
}
