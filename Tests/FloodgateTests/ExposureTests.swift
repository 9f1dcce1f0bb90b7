// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// Rows EVT-01 to EVT-21 and USR of the checklist: what is logged, and what it says.
@Suite("Exposures", .timeLimit(.minutes(5))) struct ExposureTests {
    let user = FloodgateUser(userID: "u1")

    private func run(_ test: (Bench, FloodgateClient) async throws -> Void) async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            try await test(bench, client)
            await client.shutdown()
        }
    }

    @Test(.rows("EVT-01, EVT-09, EVT-10, EVT-20")) func `says of a gate what was asked and answered`() async throws {
        try await run { bench, client in
            bench.clock.advance(by: .milliseconds(500))
            _ = client.checkGate("nested", for: user)
            bench.clock.advance(by: .milliseconds(250))
            await client.flush()
            let event = try #require(bench.server.events.first)
            #expect(event["eventName"] == "statsig::gate_exposure")
            #expect(event["time"]?.integerValue == ManualClock.start + 500)
            #expect(event["value"] == .null)
            #expect(
                event["metadata"] == [
                    "gate": "nested", "gateValue": "true", "ruleID": "rule_nested", "reason": "Network:Recognized",
                    "lcut": "1750000000000", "receivedAt": .string(String(ManualClock.start)), "configVersion": "3",
                ]
            )
            #expect(event["secondaryExposures"] == [["gate": "open", "gateValue": "true", "ruleID": "rule_open"]])
            #expect(event["user"] == ["userID": "u1"])
        }
    }

    @Test(.rows("EVT-02")) func `says of a config or experiment whether a rule passed`() async throws {
        try await run { bench, client in
            _ = client.dynamicConfig("config", for: user)
            _ = client.experiment("experiment", for: user)
            _ = client.dynamicConfig("open", for: user)
            await client.flush()
            let metadata = bench.server.metadata(of: "statsig::config_exposure")
            #expect(metadata.map { $0["config"] } == ["config", "experiment", "open"])
            #expect(metadata.map { $0["ruleID"] } == ["rule_config", "group_a", "default"])
            #expect(metadata.map { $0["rulePassed"] } == ["true", "true", "false"])
        }
    }

    @Test(.rows("EVT-03, EVT-04, EVT-05, EVT-06")) func `logs a layer by the parameters that are read`() async throws {
        try await run { bench, client in
            let layer = client.layer("layer", for: user)
            await client.flush()
            #expect(bench.server.events.isEmpty)
            _ = layer.string("copy", default: "")
            _ = layer.int("rows", default: 0)
            _ = layer.int("missing", default: 0)
            _ = layer.bool("rows", default: false)
            await client.flush()
            let events = bench.server.events
            #expect(events.map { $0["eventName"] } == ["statsig::layer_exposure", "statsig::layer_exposure"])
            #expect(events.map { $0["metadata"]?["parameterName"] } == ["copy", "rows"])
            #expect(events.map { $0["metadata"]?["allocatedExperiment"] } == ["delegate", ""])
            #expect(events.map { $0["metadata"]?["isExplicitParameter"] } == ["true", "false"])
            #expect(events.map { $0["metadata"]?["ruleID"] } == ["group_d", "group_d"])
            #expect(events.map { $0["secondaryExposures"]?.arrayValue?.count } == [1, 0])
        }
    }

    @Test(.rows("EVT-07, EVT-08")) func `logs what it does not know`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            _ = client.checkGate("none", for: user)
            await client.initialize()
            _ = client.gate("none", for: FloodgateUser(userID: "u2"))
            await client.flush()
            let metadata = bench.server.metadata(of: "statsig::gate_exposure")
            #expect(metadata.map { $0["reason"] } == ["Uninitialized", "Network:Unrecognized"])
            #expect(metadata.map { $0["ruleID"] } == ["", ""])
            #expect(metadata.map { $0["lcut"] == nil } == [true, false])
            await client.shutdown()
        }
    }

    @Test(.rows("EVT-11, EVT-12")) func `marks overrides and manual exposures`() async throws {
        try await run { bench, client in
            client.overrideGate("closed", to: true)
            _ = client.checkGate("closed", for: user)
            client.logGateExposure("open", for: user)
            client.logDynamicConfigExposure("config", for: user)
            client.logExperimentExposure("experiment", for: user)
            client.logLayerExposure("layer", parameter: "copy", for: user)
            client.logLayerExposure("layer", parameter: "none", for: user)
            await client.flush()
            let metadata = bench.server.events.compactMap { $0["metadata"] }
            #expect(metadata.map { $0["isManualExposure"] } == [nil, "true", "true", "true", "true"])
            #expect(metadata.first?["reason"] == "LocalOverride:Recognized")
            #expect(metadata.first?["ruleID"] == "override")
        }
    }

    @Test(.rows("EVT-13, EVT-14, EVT-15, EVT-16")) func `logs the same only once a minute`() async throws {
        try await run { bench, client in
            let users = [
                user, user, FloodgateUser(userID: "u1", email: "a@example.com"), FloodgateUser(userID: "u2"),
                FloodgateUser(userID: "u1", customIDs: ["companyID": "c1"]),
            ]
            for user in users { _ = client.checkGate("open", for: user) }
            bench.clock.advance(by: .milliseconds(59_999))
            for user in users { _ = client.checkGate("open", for: user) }
            await client.flush()
            #expect(bench.server.events.count == 3)
            bench.clock.advance(by: .milliseconds(1))
            _ = client.checkGate("open", for: user)
            await client.flush()
            #expect(bench.server.events.count == 4)
        }
    }

    @Test(.rows("EVT-19, EVT-47, EVT-48")) func `takes events of the application as they are`() async throws {
        try await run { bench, client in
            client.logEvent("text", for: user, value: "v", metadata: ["a": "b"])
            client.logEvent("number", for: user, value: 12.5)
            client.logEvent("none", for: user)
            client.logEvent("statsig::own", for: user, value: .number(.double(.nan)))
            client.logEvent("list", for: user, value: [1])
            await client.flush()
            let events = bench.server.events
            #expect(events.map { $0["eventName"] } == ["text", "number", "none", "statsig::own", "list"])
            #expect(events.map { $0["value"] } == ["v", 12.5, .null, .null, "[1]"])
            #expect(events.map { $0["metadata"] } == [["a": "b"], .null, .null, .null, .null])
        }
    }

    @Test(.rows("EVA-14, EVT-21")) func `counts the checks that log no exposure`() async throws {
        try await run { bench, client in
            for _ in 0..<3 { _ = client.checkGate("open", for: user, options: .withoutExposure) }
            _ = client.layer("layer", for: user, options: .withoutExposure).string("copy", default: "")
            await client.flush()
            let metadata = bench.server.metadata(of: "statsig::non_exposed_checks")
            #expect(bench.server.events.count == 1)
            #expect(metadata == [["checks": #"{"layer":1,"open":3}"#]])
            await client.flush()
            #expect(bench.server.events.count == 1)
        }
    }

    @Test(.rows("USR-01, USR-02, USR-03, USR-04, USR-05, USR-07, USR-11"))
    func `sends users without what is private`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.globalCustomFields = ["plan": "global", "region": "eu"]
                $0.environment = "staging"
            }
            await client.initialize()
            var user = FloodgateUser(
                userID: "u\u{1F600}\u{0}\"",
                customIDs: ["companyID": 7],
                custom: ["plan": "own", "deep": ["a": [1, .null]]],
                privateAttributes: ["secret": "x"]
            )
            client.logEvent("e", for: user)
            user.userID = "changed"
            await client.flush()
            #expect(
                bench.server.events.first?["user"] == [
                    "userID": "u\u{1F600}\u{0}\"", "customIDs": ["companyID": 7],
                    "custom": ["plan": "own", "region": "eu", "deep": ["a": [1, .null]]],
                    "statsigEnvironment": ["tier": "staging"],
                ]
            )
            await client.shutdown()
        }
    }

    @Test(.rows("USR-08")) func `sends an empty user as such`() async throws {
        try await run { bench, client in
            client.logEvent("e", for: FloodgateUser())
            await client.flush()
            #expect(bench.server.events.first?["user"] == [:])
        }
    }

    @Test(.rows("EVT-42")) func `logs nothing if told so`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient { $0.disableAllLogging = true }
            await client.initialize()
            #expect(client.checkGate("open", for: user))
            client.logEvent("e", for: user)
            await client.shutdown()
            #expect(bench.server.requests(Bench.events).isEmpty)
        }
    }
}
