// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// Starting, stopping and asking the program, as administrators and scripts do.
    @Suite("Operating the program", .serialized) struct OperatingTests {
        @Test func `says in one line that the port is taken`() async throws {
            let (descriptor, port) = try Loopback.listen()
            defer { close(descriptor) }
            let folder = try TemporaryFolder()
            let outcome = try await Program.floodgate("serve", "--data", folder.path, "--listen", "127.0.0.1:\(port)")
            expectOneLine(outcome, mentioning: String(port))
        }

        @Test func `says in one line that the folder cannot be written`() async throws {
            let folder = try TemporaryFolder()
            let file = folder.path + "/file"
            try Data().write(to: URL(fileURLWithPath: file))
            let port = try Loopback.freePort()
            let outcome = try await Program.floodgate(
                "serve",
                "--data",
                file + "/data",
                "--listen",
                "127.0.0.1:\(port)"
            )
            expectOneLine(outcome, mentioning: file)
        }

        @Test func `says in one line that a setting is unknown`() async throws {
            let folder = try TemporaryFolder()
            let outcome = try await Program.run(
                try Program.floodgate(),
                ["serve", "--data", folder.path],
                environment: ["FLOODGATE_LISTNE": "1"]
            )
            expectOneLine(outcome, mentioning: "FLOODGATE_LISTNE")
            let option = try await Program.floodgate("serve", "--data", folder.path, "--lisen", "127.0.0.1:1")
            #expect(option.status != 0)
            #expect(option.errors.contains("--lisen"))
        }

        private func expectOneLine(_ outcome: Program.Outcome, mentioning text: String) {
            #expect(outcome.status > 0, "\(outcome)")
            // Records of the log, which are JSON, may stand before it.
            let lines = outcome.errorLines.filter { !$0.hasPrefix("{") }
            #expect(lines.count == 1, "\(outcome)")
            #expect(lines.first?.hasPrefix("error: ") == true, "\(outcome)")
            #expect(lines.first?.contains(text) == true, "\(outcome)")
            #expect(outcome.errorLines.last == lines.first, "\(outcome)")
            #expect(outcome.output.isEmpty)
        }

        @Test func `keeps its state over a restart, and ends with 0 when told to`() async throws {
            var server = try await RunningServer.start()
            let folder = server.folder
            let key = try await server.key("server")
            let disabled = try await Program.floodgate(
                "gate",
                "disable",
                "free_returns",
                "--data",
                server.data,
                "--reason",
                "restart test"
            )
            #expect(disabled.status == 0, "\(disabled)")
            let specs = server.url + "/v2/download_config_specs/\(key).json"
            let isPublished = await eventually(within: 5) {
                let document = try? await HTTP.send("GET", specs).json
                return document?["feature_gates"]?["free_returns"]?["rules"] == []
            }
            #expect(isPublished, "A change by the command line reaches a running server")
            let before = try await HTTP.send("GET", specs)
            let posted = try await HTTP.send(
                "POST",
                server.url + "/v1/log_event",
                ["STATSIG-API-KEY": key],
                body: Array("{\"events\":[{\"eventName\":\"kept\",\"time\":1,\"user\":{\"userID\":\"u\"}}]}".utf8)
            )
            #expect(posted.status == 202, "\(posted)")
            #expect(await server.stop() == 0)

            server = try await RunningServer.start(in: folder, port: server.port)
            let after = try await HTTP.send("GET", specs)
            #expect(after.body == before.body)
            #expect(try await server.key("server") == key)
            #expect(try await server.events().count { $0["eventName"]?.stringValue == "kept" } == 1)
            server.child.kill(SIGINT)
            #expect(await server.child.exit(within: 30) == 0)
        }

        @Test func `lists keys for scripts`() async throws {
            let server = try await RunningServer.start()
            let outcome = try await Program.floodgate("keys", "list", "--data", server.data, "--json")
            let keys = try JSONValue(parsing: outcome.output).arrayValue ?? []
            let kinds = Set(keys.compactMap { $0["kind"]?.stringValue })
            #expect(kinds.isSuperset(of: ["server", "client"]))
            for key in keys {
                #expect(key["key"]?.stringValue?.isEmpty == false)
                #expect(key["environment"]?.stringValue == "production")
            }
            #expect(await server.stop() == 0)
        }

        @Test func `evaluates cases from standard input`() async throws {
            let specs: JSONValue = [
                "has_updates": true, "time": 1, "dynamic_configs": [:], "layer_configs": [:],
                "experiment_to_layer": [:],
                "condition_map": [
                    "c": [
                        "type": "user_field", "idType": "userID", "operator": "any", "field": "email",
                        "targetValue": ["a@b"],
                    ],
                    "l": ["type": "unit_id", "idType": "userID", "operator": "in_segment_list", "targetValue": "list"],
                ],
                "feature_gates": [
                    "g": [
                        "type": "feature_gate", "entity": "feature_gate", "enabled": true, "salt": "s",
                        "idType": "userID",
                        "defaultValue": false, "version": 3,
                        "rules": [
                            [
                                "name": "r", "id": "r1", "salt": "rs", "passPercentage": 100, "returnValue": true,
                                "idType": "userID", "conditions": ["c"],
                            ],
                            [
                                "name": "l", "id": "r2", "salt": "ls", "passPercentage": 100, "returnValue": true,
                                "idType": "userID", "conditions": ["l"],
                            ],
                        ],
                    ]
                ],
            ]
            // The first eight characters of base64(SHA-256("1")).
            let line: JSONValue = [
                "specs": specs, "id_lists": ["list": ["a4ayc/80"]], "options": [:],
                "users": [["userID": "1"], ["userID": "2", "email": "a@b"], ["userID": "3"]],
            ]
            let outcome = try await Program.floodgate(
                "evaluate",
                "--cases",
                "-",
                input: line.text + "\n" + line.text + "\n"
            )
            #expect(outcome.status == 0, "\(outcome)")
            let lines = outcome.output.split(separator: "\n")
            #expect(lines.count == 2)
            for line in lines {
                let results = try JSONValue(parsing: String(line))["results"]?.arrayValue ?? []
                #expect(
                    results.map { $0["gates"]?["g"] } == [
                        [true, "r2", "userID", 3, "Recognized"], [true, "r1", "userID", 3, "Recognized"],
                        [false, "default", "userID", 3, "Recognized"],
                    ]
                )
            }
            let broken = try await Program.floodgate("evaluate", "--cases", "-", input: "{\"specs\":\n")
            #expect(broken.status != 0)
        }

        @Test func `examines itself`() async throws {
            let server = try await RunningServer.start()
            let healthy = try await Program.floodgate(
                "doctor",
                "--data",
                server.data,
                "--listen",
                "127.0.0.1:\(server.port)"
            )
            #expect(!healthy.output.isEmpty)
            #expect(await server.stop() == 0)
            let idle = try await Program.floodgate(
                "doctor",
                "--data",
                server.data,
                "--listen",
                "127.0.0.1:\(server.port)"
            )
            #expect(idle.status == 0, "\(idle)")
            let nowhere = try await Program.floodgate("doctor", "--data", "/dev/null/x")
            #expect(nowhere.status != 0, "\(nowhere)")
        }

        @Test func `refuses a broken import and names the first fault`() async throws {
            let server = try await RunningServer.start()
            let before = try await Program.floodgate("gate", "list", "--data", server.data)
            let file = server.folder.path + "/broken.json"
            try Data("{\"has_updates\":true,\"time\":1,\"feature_gates\":[{\"name\":1}]}".utf8).write(
                to: URL(fileURLWithPath: file)
            )
            let outcome = try await Program.floodgate("import", "statsig", file, "--data", server.data)
            #expect(outcome.status != 0)
            #expect(outcome.errors.contains("/feature_gates"), "\(outcome)")
            let after = try await Program.floodgate("gate", "list", "--data", server.data)
            #expect(after.output == before.output)
            #expect(await server.stop() == 0)
        }

        @Test(arguments: [
            [], ["serve"], ["import"], ["import", "statsig"], ["keys"], ["keys", "list"], ["gate"], ["gate", "list"],
            ["gate", "show"], ["gate", "enable"], ["gate", "disable"], ["gate", "rollout"], ["list"],
            ["list", "ls"], ["list", "show"], ["list", "create"], ["list", "add"], ["list", "remove"],
            ["list", "compact"], ["events"],
            ["events", "tail"],
            ["events", "count"], ["evaluate"], ["explain"], ["doctor"],
        ])
        func `helps`(command: [String]) async throws {
            let outcome = try await Program.run(try Program.floodgate(), command + ["--help"])
            #expect(outcome.status == 0)
            #expect(outcome.output.contains("USAGE:"))
            #expect(outcome.output.contains("OVERVIEW:"))
        }

        @Test func `says how it is doing`() async throws {
            let server = try await RunningServer.start()
            for path in ["/livez", "/readyz"] {
                #expect(try await HTTP.send("GET", server.url + path).status == 200)
            }
            let metrics = try await HTTP.send("GET", server.url + "/metrics")
            #expect(metrics.status == 200)
            #expect(metrics.text.contains("# TYPE "))
            #expect(metrics.text.contains("http_requests_total{class=\"2xx\",route=\"/livez\"}"))
            #expect(metrics.text.contains("http_connections "))
            #expect(await server.stop() == 0)
        }
    }
}
