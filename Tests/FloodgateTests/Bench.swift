// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Logging
import NIOPosix

/// A server, a clock and what clients are made of, for one test.
struct Bench: Sendable {
    static let key = "secret-test"
    static let specs = "/v2/download_config_specs/"
    static let events = "/v1/log_event"
    static let lists = "/v1/get_id_lists"

    let server: ScriptedServer
    let clock = ManualClock()

    /// Runs `test` on a bench whose server takes events and serves `document`.
    static func run(
        _ document: TestDocument = TestDocument(),
        on group: MultiThreadedEventLoopGroup? = nil,
        _ test: (Bench) async throws -> Void
    ) async throws {
        try await ScriptedServer.run(on: group) { server in
            server.on(specs, .ok(document.text))
            server.on(events, .reply(status: 202, body: Array(#"{"success":true}"#.utf8)))
            try await test(Bench(server: server))
        }
    }

    /// A client of the server, not yet initialised.
    func makeClient(
        key: String = Bench.key,
        timing: Timing? = nil,
        _ change: (inout FloodgateClient.Options) -> Void = { _ in }
    ) -> FloodgateClient {
        var options = FloodgateClient.Options()
        options.server = server.url
        // Another figure than the poll's interval, so that tests can tell who sleeps.
        options.requestTimeout = .seconds(9)
        // Tests count events; those of the client's own have tests of their own.
        options.disableDiagnostics = true
        // Likewise requests.
        options.reportsUse = false
        options.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        change(&options)
        return FloodgateClient(key: key, options: options, timing: timing ?? clock.timing)
    }

    /// Lets the poll's interval pass.
    func passInterval() async { await clock.pass(.seconds(10)) }

    /// Lets `seconds` pass one by one, as the sender of events counts them.
    func tick(_ seconds: Int = 1) async {
        for _ in 0..<seconds {
            await clock.pass(.seconds(1))
            await clock.isAsked(for: .seconds(1))
        }
    }

    /// Lets the poll's interval pass, and waits until the poll is over.
    func poll() async {
        await passInterval()
        await clock.isAsked(for: .seconds(10))
    }
}

/// A small config-specs document.
struct TestDocument: Sendable {
    var time: Int64 = 1_750_000_000_000
    var checksum: String? = "1"
    /// Gates that are open or closed for everybody.
    var gates: [String: Bool] = ["open": true, "closed": false]
    /// Members to add or replace at the top.
    var extra: JSONObject = [:]

    var value: JSONValue {
        var object: JSONObject = [
            "has_updates": true, "time": .integer(time), "checksum": .text(checksum), "response_format": "dcs-v2",
            "condition_map": [
                "public": [
                    "type": "public", "targetValue": .null, "operator": .null, "field": .null, "idType": "userID",
                ],
                "pass_open": ["type": "pass_gate", "targetValue": "open", "operator": .null, "idType": "userID"],
                "odd": [
                    "type": "user_field", "operator": "no_such", "field": "x", "targetValue": 1, "idType": "userID",
                ],
            ],
        ]
        var specs = JSONObject()
        for (name, isOpen) in gates.sorted(by: { $0.key < $1.key }) {
            let rule = Self.rule("rule_\(name)", condition: "public", returns: true, percentage: isOpen ? 100 : 0)
            specs[name] = Self.spec("feature_gate", default: false, rules: [rule])
        }
        specs["nested"] = Self.spec(
            "feature_gate",
            default: false,
            rules: [Self.rule("rule_nested", condition: "pass_open", returns: true)]
        )
        specs["odd"] = Self.spec(
            "feature_gate",
            default: false,
            rules: [Self.rule("rule_odd", condition: "odd", returns: true)]
        )
        object["feature_gates"] = .object(specs)
        let value: JSONValue = [
            "text": "hello", "count": 2, "ratio": 0.5, "flag": true, "list": [1, 2], "map": ["a": 1],
        ]
        object["dynamic_configs"] = [
            "config": Self.spec(
                "dynamic_config",
                default: [:],
                rules: [Self.rule("rule_config", condition: "public", returns: value)]
            ),
            "experiment": Self.spec(
                "experiment",
                default: [:],
                rules: [
                    Self.rule("group_a", condition: "pass_open", returns: ["copy": "short"], groupName: "Short")
                ],
                ["isActive": true, "explicitParameters": ["copy"]]
            ),
            // A gate and a config of one name.
            "open": Self.spec("dynamic_config", default: ["is": "config"], rules: []),
        ]
        object["layer_configs"] = [
            "layer": Self.spec(
                "layer",
                default: ["copy": "long", "rows": 4],
                rules: [
                    Self.rule(
                        "rule_layer",
                        condition: "public",
                        returns: ["copy": "long", "rows": 4],
                        configDelegate: "delegate"
                    )
                ]
            )
        ]
        if var configs = object["dynamic_configs"]?.objectValue {
            configs["delegate"] = Self.spec(
                "experiment",
                default: ["copy": "long", "rows": 4],
                rules: [
                    Self.rule(
                        "group_d",
                        condition: "pass_open",
                        returns: ["copy": "brief", "rows": 4],
                        groupName: "Brief"
                    )
                ],
                ["isActive": true, "explicitParameters": ["copy"]]
            )
            object["dynamic_configs"] = .object(configs)
        }
        object["experiment_to_layer"] = ["delegate": "layer"]
        for member in extra { object[member.name] = member.value }
        return .object(object)
    }

    var text: String { value.text }
    var bytes: [UInt8] { value.bytes }

    static func spec(
        _ entity: String,
        default value: JSONValue,
        rules: [JSONValue],
        _ more: JSONObject = [:]
    ) -> JSONValue {
        var object: JSONObject = [
            "type": entity == "feature_gate" ? "feature_gate" : "dynamic_config", "entity": .string(entity),
            "enabled": true, "salt": "salt", "idType": "userID", "defaultValue": value, "version": 3,
            "rules": .array(rules),
        ]
        for member in more { object[member.name] = member.value }
        return .object(object)
    }

    static func rule(
        _ id: String,
        condition: String,
        returns value: JSONValue,
        percentage: Int = 100,
        groupName: String? = nil,
        configDelegate: String? = nil
    ) -> JSONValue {
        var object: JSONObject = [
            "name": .string(id), "id": .string(id), "salt": .string(id), "passPercentage": .integer(percentage),
            "returnValue": value, "idType": "userID", "conditions": [.string(condition)],
        ]
        if let groupName {
            object["groupName"] = .string(groupName)
            object["isExperimentGroup"] = true
        }
        object.set("configDelegate", configDelegate.map(JSONValue.string))
        return .object(object)
    }
}

extension ScriptedServer.Request {
    /// The events in the body.
    var events: [JSONValue] { json["events"]?.arrayValue ?? [] }
}

extension ScriptedServer {
    /// All events that arrived, in order.
    var events: [JSONValue] { requests(Bench.events).flatMap(\.events) }

    /// The metadata of the events with this name.
    func metadata(of name: String) -> [JSONValue] {
        events.filter { $0["eventName"]?.stringValue == name }.compactMap { $0["metadata"] }
    }
}
