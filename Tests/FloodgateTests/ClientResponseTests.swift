// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// Rows GCI of the checklist: what a server hands to web and mobile SDKs, as recorded from Statsig's core.
@Suite("Client responses", .timeLimit(.minutes(5))) struct ClientResponseTests {
    let user = FloodgateUser(userID: "u1", customIDs: ["companyID": "c1"])

    /// A layer whose experiment has a holdout and a targeting gate, for users of a segment; gates of two apps.
    private static let document: TestDocument = {
        func condition(_ type: String, _ gate: String) -> JSONValue {
            ["type": .string(type), "targetValue": .string(gate), "operator": .null, "idType": "userID"]
        }
        func rule(
            _ id: String,
            _ condition: String,
            _ value: JSONValue,
            percentage: Int = 100,
            group: String? = nil,
            delegate: String? = nil
        ) -> JSONValue {
            TestDocument.rule(
                id,
                condition: condition,
                returns: value,
                percentage: percentage,
                groupName: group,
                configDelegate: delegate
            )
        }
        var document = TestDocument()
        document.extra = [
            "condition_map": [
                "public": ["type": "public", "targetValue": .null, "operator": .null, "idType": "userID"],
                "held": condition("pass_gate", "holdout"), "untargeted": condition("fail_gate", "targeting"),
                "vip": condition("pass_gate", "segment:vips"),
            ],
            "feature_gates": [
                "open": TestDocument.spec(
                    "feature_gate",
                    default: false,
                    rules: [rule("r_open", "public", true)],
                    ["targetAppIDs": ["web"]]
                ),
                "closed": TestDocument.spec(
                    "feature_gate",
                    default: false,
                    rules: [rule("r_closed", "public", true, percentage: 0)],
                    ["targetAppIDs": ["mobile"]]
                ),
                "targeting": TestDocument.spec(
                    "feature_gate",
                    default: false,
                    rules: [rule("r_targeting", "public", true)]
                ),
                "segment:vips": TestDocument.spec(
                    "segment",
                    default: false,
                    rules: [rule("r_vips", "public", true)],
                    ["type": "feature_gate"]
                ),
                "holdout": TestDocument.spec(
                    "holdout",
                    default: false,
                    rules: [rule("r_holdout", "public", true, percentage: 0)],
                    ["type": "feature_gate"]
                ),
            ],
            "dynamic_configs": [
                "config": TestDocument.spec(
                    "dynamic_config",
                    default: [:],
                    rules: [rule("r_config", "public", ["text": "hello"])]
                ),
                "delegate": TestDocument.spec(
                    "experiment",
                    default: ["copy": "none", "rows": 4],
                    rules: [
                        rule("holdoutRule", "held", [:]),
                        rule("inlineTargetingRules", "untargeted", [:]),
                        rule("group_d", "public", ["copy": "brief", "rows": 4], group: "Brief"),
                    ],
                    ["isActive": true, "explicitParameters": ["copy"], "hasSharedParams": true]
                ),
                "ended": TestDocument.spec(
                    "experiment",
                    default: [:],
                    rules: [rule("e", "public", ["copy": "x"], group: "Only")],
                    ["isActive": false]
                ),
            ],
            "layer_configs": [
                "layer": TestDocument.spec(
                    "layer",
                    default: ["copy": "none", "rows": 4],
                    rules: [rule("r_layer", "vip", ["copy": "none", "rows": 4], delegate: "delegate")]
                )
            ],
            "param_stores": [
                "one": ["targetAppIDs": ["web"], "parameters": [:]],
                "two": ["parameters": [:]],
            ],
            "sdk_keys_to_app_ids": ["client-web": "web"], "app_id": "mobile",
        ]
        return document
    }()

    private static let exposures: JSONValue = [
        ["gate": "holdout", "gateValue": "false", "ruleID": "r_holdout"],
        ["gate": "targeting", "gateValue": "true", "ruleID": "r_targeting"],
    ]

    private func client() async -> FloodgateClient {
        var options = FloodgateClient.Options()
        options.bootstrap = Self.document.bytes
        options.disableNetwork = true
        let client = FloodgateClient(key: "secret-x", options: options)
        await client.initialize()
        return client
    }

    private func names(_ response: JSONObject, _ member: String) -> Set<String> {
        Set(response[member]?.objectValue?.names ?? [])
    }

    /// Options for names that can be read.
    private func plain(_ change: (inout ClientResponseOptions) -> Void = { _ in }) -> ClientResponseOptions {
        var options = ClientResponseOptions()
        options.hash = .none
        change(&options)
        return options
    }

    @Test(.rows("GCI-04")) func `leave segments and holdouts out`() async {
        let response = await client().clientInitializeResponse(for: user, options: plain())
        #expect(names(response, "feature_gates") == ["open", "closed", "targeting"])
    }

    @Test(.rows("GCI-05")) func `have for a client key what belongs to its app`() async {
        let client = await client()
        let web = client.clientInitializeResponse(for: user, options: plain { $0.clientSDKKey = "client-web" })
        #expect(names(web, "feature_gates") == ["open"])
        #expect(names(web, "dynamic_configs") == [])
        #expect(names(web, "layer_configs") == [])
        #expect(names(web, "param_stores") == ["one"])
        let mobile = client.clientInitializeResponse(for: user, options: plain { $0.targetAppID = "mobile" })
        #expect(names(mobile, "feature_gates") == ["closed"])
        let unknown = client.clientInitializeResponse(for: user, options: plain { $0.clientSDKKey = "client-other" })
        #expect(names(unknown, "feature_gates") == ["open", "closed", "targeting"])
    }

    @Test(.rows("GCI-07")) func `have local overrides only if that is asked for`() async {
        let client = await client()
        client.overrideGate("closed", to: true)
        client.overrideDynamicConfig("config", to: ["o": 1])
        client.overrideLayer("layer", to: ["o": 2])
        let without = client.clientInitializeResponse(for: user, options: plain())
        #expect(without["feature_gates"]?["closed"]?["rule_id"] == "r_closed")
        #expect(without["dynamic_configs"]?["config"]?["value"] == ["text": "hello"])
        let with = client.clientInitializeResponse(for: user, options: plain { $0.includesLocalOverrides = true })
        #expect(
            with["feature_gates"]?["closed"]
                == ["name": "closed", "rule_id": "override", "secondary_exposures": [], "value": true]
        )
        #expect(with["dynamic_configs"]?["config"]?["value"] == ["o": 1])
        #expect(with["dynamic_configs"]?["config"]?["passed"] == false)
        #expect(with["layer_configs"]?["layer"]?["value"] == ["o": 2])
    }

    @Test(.rows("GCI-09")) func `say of experiments in layers what clients need for their exposures`() async {
        let response = await client().clientInitializeResponse(for: user, options: plain())
        #expect(
            response["dynamic_configs"]?["delegate"]?.sorted
                == JSONValue.object([
                    "name": "delegate", "rule_id": "group_d", "secondary_exposures": Self.exposures,
                    "id_type": "userID",
                    "value": ["copy": "brief", "rows": 4], "is_device_based": false, "is_in_layer": true,
                    "explicit_parameters": ["copy"], "group": "group_d", "group_name": "Brief",
                    "is_experiment_active": true, "is_user_in_experiment": true,
                ]).sorted
        )
        #expect(
            response["layer_configs"]?["layer"]?.sorted
                == JSONValue.object([
                    "name": "layer", "rule_id": "group_d", "secondary_exposures": Self.exposures,
                    "value": ["copy": "brief", "rows": 4], "id_type": "userID", "is_device_based": false,
                    "group": "group_d", "group_name": "Brief", "is_experiment_active": true,
                    "is_user_in_experiment": true, "allocated_experiment_name": "delegate",
                    "explicit_parameters": ["copy"], "undelegated_secondary_exposures": [],
                ]).sorted
        )
        #expect(response["dynamic_configs"]?["ended"]?["is_experiment_active"] == false)
        #expect(response["dynamic_configs"]?["ended"]?["is_user_in_experiment"] == true)
    }

    @Test(.rows("GCI-10")) func `have only the names that are asked for, kind by kind`() async {
        let client = await client()
        let gates = client.clientInitializeResponse(for: user, options: plain { $0.gates = ["open", "holdout", "x"] })
        #expect(names(gates, "feature_gates") == ["open"])
        #expect(names(gates, "dynamic_configs") == ["config", "delegate", "ended"])
        let others = client.clientInitializeResponse(
            for: user,
            options: plain { options in
                options.dynamicConfigs = []
                options.experiments = ["ended"]
                options.layers = ["layer"]
                options.parameterStores = ["two"]
            }
        )
        #expect(names(others, "feature_gates") == ["open", "closed", "targeting"])
        #expect(names(others, "dynamic_configs") == ["ended"])
        #expect(names(others, "layer_configs") == ["layer"])
        #expect(names(others, "param_stores") == ["two"])
    }

    @Test func `hold under its hash whatever a client looks up by name`() async throws {
        let response = await client().clientInitializeResponse(for: user)
        #expect(response["hash_used"] == "djb2")
        func entry(_ member: String, _ name: String) -> JSONValue? {
            response[member]?[NameHash.djb2(name).description]
        }
        #expect(entry("feature_gates", "open")?["value"] == true)
        #expect(entry("dynamic_configs", "config")?["value"] == ["text": "hello"])
        let layer = try #require(entry("layer_configs", "layer"))
        #expect(layer["allocated_experiment_name"] == .string(NameHash.djb2("delegate").description))
        let gates = layer["secondary_exposures"]?.arrayValue?.compactMap { $0["gate"]?.stringValue }
        #expect(gates == ["holdout", "targeting"].map { NameHash.djb2($0).description })
    }
}

extension JSONValue {
    /// The members in the order of their names.
    fileprivate var sorted: JSONValue {
        guard let object = objectValue else { return self }
        return .object(JSONObject(object.sorted { $0.name < $1.name }.map { ($0.name, $0.value) }))
    }
}
