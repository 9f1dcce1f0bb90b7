// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// Rows EVA, OVR and GCI of the checklist, as far as they are the client's doing.
@Suite("Checks", .timeLimit(.minutes(5))) struct CheckTests {
    let user = FloodgateUser(userID: "u1")

    private func offline(_ document: TestDocument = TestDocument()) async -> FloodgateClient {
        var options = FloodgateClient.Options()
        options.bootstrap = document.bytes
        options.disableNetwork = true
        let client = FloodgateClient(key: "secret-x", options: options)
        await client.initialize()
        return client
    }

    @Test(.rows("EVA-01, EVA-02, EVA-03, EVA-04")) func `explains every answer`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            let open = client.gate("open", for: user)
            #expect(open.value)
            #expect(open.ruleID == "rule_open")
            #expect(open.details.reason.wireName == "Network:Recognized")
            #expect(open.details.time == 1_750_000_000_000)
            #expect(open.details.receivedAt == ManualClock.start)
            #expect(client.gate("none", for: user).details.reason.wireName == "Network:Unrecognized")
            #expect(client.gate("none", for: user).ruleID == "")
            #expect(client.gate("odd", for: user).details.reason.wireName == "Network:Unsupported")
            #expect(!client.gate("odd", for: user).value)
            for reason in [
                client.dynamicConfig("none", for: user).details.reason,
                client.experiment("none", for: user).details.reason,
                client.layer("none", for: user).details.reason,
            ] { #expect(reason.wireName == "Network:Unrecognized") }
            await client.shutdown()
        }
    }

    @Test(.rows("EVA-05, EVA-06, EVA-07")) func `reads parameters by type, with a default for all else`() async {
        let config = await offline().dynamicConfig("config", for: user)
        #expect(config.string("text", default: "x") == "hello")
        #expect(config.int("count", default: 9) == 2)
        #expect(config.double("count", default: 9) == 2.0)
        #expect(config.double("ratio", default: 9) == 0.5)
        #expect(config.bool("flag", default: false))
        #expect(config.array("list", default: []) == [1, 2])
        #expect(config.object("map", default: [:]) == ["a": 1])

        #expect(config.string("missing", default: "x") == "x")
        #expect(config.string("flag", default: "x") == "x")
        #expect(config.bool("count", default: true))
        #expect(config.int("ratio", default: 9) == 9)
        #expect(config.int("text", default: 9) == 9)
        #expect(config.array("map", default: [7]) == [7])
    }

    @Test func `decodes parameters as types of the program's`() async throws {
        struct Settings: Decodable, Equatable {
            var text: String
            var list: [Int]
            var map: [String: Int]
        }
        let config = await offline().dynamicConfig("config", for: user)
        #expect(try config.decode(Settings.self) == Settings(text: "hello", list: [1, 2], map: ["a": 1]))
        #expect(config.decode("map", default: ["b": 2]) == ["a": 1])
        #expect(config.decode("text", default: ["b": 2]) == ["b": 2])
        #expect(throws: DecodingError.self) { try config.decode([String: Int].self) }
    }

    @Test(.rows("EVA-08, EVA-09, EVA-22")) func `fills what experiments and layers have`() async {
        let client = await offline()
        let experiment = client.experiment("experiment", for: user)
        #expect(experiment.groupName == "Short")
        #expect(experiment.ruleID == "group_a")
        #expect(experiment.idType == "userID")
        #expect(experiment.isActive)
        #expect(experiment.string("copy", default: "") == "short")
        let layer = client.layer("layer", for: user)
        #expect(layer.allocatedExperiment == "delegate")
        #expect(layer.groupName == "Brief")
        #expect(layer.string("copy", default: "") == "brief")
        #expect(layer.int("rows", default: 0) == 4)
        #expect(client.checkGate("open", for: user))
        #expect(client.dynamicConfig("open", for: user).string("is", default: "") == "config")
    }

    @Test(.rows("EVA-12")) func `lists names by kind`() async {
        let client = await offline()
        #expect(Set(client.gateNames) == ["open", "closed", "nested", "odd"])
        #expect(Set(client.experimentNames) == ["experiment", "delegate"])
        #expect(Set(client.dynamicConfigNames) == ["config", "open"])
        #expect(client.layerNames == ["layer"])
    }

    @Test(.rows("EVA-13, OVR-06")) func `resolves the parameters of a store`() async {
        func store(_ parameters: JSONObject) -> JSONObject {
            ["param_stores": ["store": ["parameters": .object(parameters)]]]
        }
        let client = await offline(
            TestDocument(
                extra: store([
                    "fixed": ["ref_type": "static", "param_type": "string", "value": "v"],
                    "gate": [
                        "ref_type": "gate", "param_type": "number", "gate_name": "open", "pass_value": 1,
                        "fail_value": 2,
                    ],
                    "config": [
                        "ref_type": "dynamic_config", "param_type": "string", "config_name": "config",
                        "param_name": "text",
                    ],
                    "experiment": [
                        "ref_type": "experiment", "param_type": "string", "experiment_name": "experiment",
                        "param_name": "copy",
                    ],
                    "layer": [
                        "ref_type": "layer", "param_type": "number", "layer_name": "layer", "param_name": "rows",
                    ],
                ])
            )
        )
        let values = client.parameterStore("store", for: user)
        #expect(values.string("fixed", default: "") == "v")
        #expect(values.int("gate", default: 0) == 1)
        #expect(values.string("config", default: "") == "hello")
        #expect(values.string("experiment", default: "") == "short")
        #expect(values.int("layer", default: 0) == 4)
        #expect(values.int("fixed", default: 7) == 7)
        #expect(client.parameterStore("none", for: user).int("x", default: 7) == 7)
        client.overrideParameterStore("store", to: ["fixed": "w"])
        #expect(client.parameterStore("store", for: user).string("fixed", default: "") == "w")
        #expect(client.parameterStore("store", for: user).int("gate", default: 0) == 0)
    }

    @Test(.rows("EVA-16, EVA-17, EVA-18")) func `takes users of any shape`() async {
        let client = await offline()
        #expect(client.checkGate("open", for: FloodgateUser()))
        #expect(client.checkGate("open", for: FloodgateUser(customIDs: ["companyID": "c1"])))
        let long = String(repeating: "x", count: 1 << 20)
        #expect(client.checkGate("open", for: FloodgateUser(userID: long, custom: ["big": .string(long)])))
    }

    @Test(.rows("OVR-01, OVR-02, OVR-03, OVR-04, OVR-08, OVR-09, OVR-10, OVR-11, OVR-14"))
    func `lets overrides win until they are removed`() async {
        let client = await offline()
        client.overrideGate("open", to: true)
        client.overrideGate("open", to: false)
        let overridden = client.gate("open", for: user)
        #expect(!overridden.value)
        #expect(overridden.ruleID == "override")
        #expect(overridden.details.reason.wireName == "LocalOverride:Recognized")
        #expect(!client.checkGate("nested", for: user))
        #expect(client.dynamicConfig("open", for: user).ruleID != "override", "another namespace")

        client.overrideGate("open", to: true, forID: "u1")
        client.overrideGate("open", to: true, forID: "c1")
        #expect(client.checkGate("open", for: user))
        #expect(client.checkGate("open", for: FloodgateUser(userID: "u2", customIDs: ["companyID": "c1"])))
        #expect(!client.checkGate("open", for: FloodgateUser(userID: "u2")))
        client.removeGateOverride("open", forID: "u1")
        #expect(!client.checkGate("open", for: user))
        client.removeGateOverride("open")
        #expect(client.gate("open", for: user).ruleID == "rule_open")

        client.overrideGate("unknown", to: true)
        #expect(client.checkGate("unknown", for: user))
        client.removeAllOverrides()
        #expect(!client.checkGate("unknown", for: user))
    }

    @Test(.rows("OVR-06, OVR-07")) func `replaces configs, experiments and layers entirely`() async {
        let client = await offline()
        client.overrideDynamicConfig("config", to: ["only": 1])
        #expect(client.dynamicConfig("config", for: user).value == ["only": 1])
        client.overrideLayer("layer", to: ["only": 2])
        #expect(client.layer("layer", for: user).int("only", default: 0) == 2)
        #expect(client.layer("layer", for: user).int("rows", default: 0) == 0)
        client.overrideExperiment("experiment", to: ["only": 3])
        #expect(client.experiment("experiment", for: user).value == ["only": 3])
        client.overrideExperiment("experiment", toGroup: "Short")
        #expect(client.experiment("experiment", for: user).value == ["copy": "short"])
    }

    @Test(.rows("OVR-12, OVR-13")) func `keeps overrides over initialisation and polls`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            client.overrideGate("closed", to: true)
            #expect(client.checkGate("closed", for: user))
            await client.initialize()
            #expect(client.checkGate("closed", for: user))
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2").text))
            await bench.poll()
            #expect(client.checkGate("closed", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("EVA-20, EVA-23")) func `answers while the server hangs, and after a shutdown`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            bench.server.on("/", .hang)
            bench.server.on(Bench.specs, .hang)
            await bench.passInterval()
            _ = await bench.server.requests(Bench.specs, count: 2)
            let slowest = (0..<1_000).map { _ in ContinuousClock().measure { _ = client.checkGate("open", for: user) } }
            #expect(slowest.max() ?? .zero < .seconds(1))
            async let end: Void = client.shutdown()
            await bench.clock.pass(.seconds(3))
            await end
            #expect(client.checkGate("open", for: user))
        }
    }

    @Test(.rows("GCI-01, GCI-02, GCI-03, GCI-06")) func `answers what web and mobile SDKs start with`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            let user = FloodgateUser(userID: "u1", privateAttributes: ["secret": "x"])
            var options = ClientResponseOptions()
            options.hash = .none
            let response = client.clientInitializeResponse(for: user, options: options)
            #expect(response["has_updates"] == true)
            #expect(response["feature_gates"]?["open"]?["value"] == true)
            #expect(response["user"]?["privateAttributes"] == nil)
            #expect(response["hash_used"] == "none")
            let hashed = client.clientInitializeResponse(for: user)
            #expect(hashed["feature_gates"]?.objectValue?.names.allSatisfy { UInt32($0) != nil } == true)
            await client.flush()
            #expect(bench.server.events.isEmpty)
            await client.shutdown()
        }
    }
}
