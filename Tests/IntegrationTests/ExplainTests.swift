// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// `floodgate explain`, with a document of its own and with a data folder.
    @Suite("Explaining an answer") struct ExplainTests {
        private static let specs: JSONValue = [
            "has_updates": true, "time": 1_700_000_000_000, "layer_configs": [], "dynamic_configs": [],
            "feature_gates": [
                [
                    "name": "checkout", "type": "feature_gate", "entity": "feature_gate", "enabled": true, "salt": "s",
                    "idType": "userID", "defaultValue": false, "version": 3,
                    "rules": [
                        [
                            "name": "Staff", "id": "staff", "salt": "a", "passPercentage": 100, "returnValue": true,
                            "idType": "userID",
                            "conditions": [
                                [
                                    "type": "user_field", "idType": "userID", "field": "email",
                                    "operator": "str_ends_with_any", "targetValue": ["@acme.com"],
                                ]
                            ],
                        ],
                        [
                            "name": "Some loyal ones", "id": "loyal", "salt": "b", "passPercentage": 25,
                            "returnValue": true, "idType": "userID",
                            "conditions": [
                                ["type": "pass_gate", "idType": "userID", "targetValue": "segment:loyal"]
                            ],
                        ],
                    ],
                ],
                [
                    "name": "segment:loyal", "type": "feature_gate", "entity": "segment", "enabled": true, "salt": "t",
                    "idType": "userID", "defaultValue": false,
                    "rules": [
                        [
                            "name": "List", "id": "list", "salt": "c", "passPercentage": 100, "returnValue": true,
                            "idType": "userID",
                            "conditions": [
                                [
                                    "type": "unit_id", "idType": "userID", "operator": "in_segment_list",
                                    "targetValue": "loyal",
                                ]
                            ],
                        ]
                    ],
                ],
            ],
        ]

        /// The document and its ID list as files; the list holds the user ID `1`.
        private static func files() throws -> (folder: TemporaryFolder, specs: String, lists: String) {
            let folder = try TemporaryFolder()
            let (specsFile, listsFile) = (folder.path + "/specs.json", folder.path + "/lists.json")
            try Data(specs.bytes).write(to: URL(fileURLWithPath: specsFile))
            try Data("{\"loyal\":[\"a4ayc/80\"]}".utf8).write(to: URL(fileURLWithPath: listsFile))
            return (folder, specsFile, listsFile)
        }

        @Test func `reads as a tree`() async throws {
            let files = try Self.files()
            let outcome = try await Program.floodgate(
                "explain",
                "checkout",
                "--specs",
                files.specs,
                "--id-lists",
                files.lists,
                "--user",
                "{\"userID\":\"1\",\"email\":\"ann@web.de\"}"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.errors.isEmpty)
            // The third line tells the time.
            var lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            let time = lines.remove(at: 2)
            #expect(time.hasPrefix("  evaluated at 2"))
            #expect(time.hasSuffix(", specs of 2023-11-14T22:13:20.000Z"))
            #expect(
                lines.joined(separator: "\n") == """
                    gate checkout = true (rule loyal, Bootstrap:Recognized)
                      user {"userID":"1","email":"ann@web.de"}

                    ✗ rule 1 "Staff" (staff)
                      ✗ email: "ann@web.de" str_ends_with_any ["@acme.com"]
                    ✓ rule 2 "Some loyal ones" (loyal)
                      ✓ pass_gate segment:loyal
                        segment segment:loyal = true (rule list)
                          ✓ rule 1 "List" (list)
                            ✓ userID: "1" in_segment_list "loyal" (looked up as a4ayc/80)
                            ✓ pass percentage 100
                      ✓ pass percentage 25: bucket 1435 < 2500 by userID, SHA-256 of "s.b.1"

                    """
            )
        }

        @Test func `is JSON for programs`() async throws {
            let files = try Self.files()
            let user = files.folder.path + "/user.json"
            try Data("{\"userID\":\"1\",\"email\":\"bob@acme.com\"}".utf8).write(to: URL(fileURLWithPath: user))
            let outcome = try await Program.floodgate(
                "explain",
                "checkout",
                "--specs",
                files.specs,
                "--user-file",
                user,
                "--tier",
                "staging",
                "--json"
            )
            #expect(outcome.status == 0, "\(outcome)")
            var object = try #require(try JSONValue(parsing: outcome.output).objectValue)
            #expect(object.remove("evaluated_at")?.integerValue ?? 0 > 1_700_000_000_000)
            let wanted: JSONObject = [
                "name": "checkout", "kind": "gate", "known_as": ["gate"], "value": true, "rule_id": "staff",
                "id_type": "userID", "version": 3, "reason": "Bootstrap:Recognized", "secondary_exposures": [],
                "user": ["userID": "1", "email": "bob@acme.com"], "environment": ["tier": "staging"],
                "specs_time": 1_700_000_000_000,
                "trace": [
                    "name": "checkout", "kind": "gate", "status": "recognized", "value": true, "rule_id": "staff",
                    "enabled": true, "rule_count": 2,
                    "rules": [
                        [
                            "id": "staff", "name": "Staff", "outcome": "passed",
                            "conditions": [
                                [
                                    "type": "user_field", "field": "email", "operator": "str_ends_with_any",
                                    "value": "bob@acme.com", "target_value": ["@acme.com"], "outcome": "passed",
                                ]
                            ],
                            "share": ["pass_percentage": 100, "unit": "userID", "threshold": 10_000, "passes": true],
                        ]
                    ],
                ],
            ]
            #expect(object == wanted, "\(outcome.output)")
        }

        @Test func `names what is near an unknown name`() async throws {
            let files = try Self.files()
            let outcome = try await Program.floodgate("explain", "chekout", "--specs", files.specs, "--user-id", "1")
            #expect(outcome.status == 1)
            #expect(outcome.output.isEmpty)
            #expect(outcome.errors == "error: There is no entity named \"chekout\"; did you mean \"checkout\"?\n")
            let kind = try await Program.floodgate(
                "explain",
                "checkout",
                "--kind",
                "layer",
                "--specs",
                files.specs,
                "--user-id",
                "1"
            )
            #expect(kind.status == 1)
            #expect(kind.errors == "error: There is no layer named \"checkout\"; it is a gate\n")
        }

        @Test(arguments: [
            (["--user", "{\"userID\":"], 65, "--user is not JSON"),
            (["--user", "[1]"], 65, "--user is not a user"),
            (["--user", "{\"custom\":3}"], 65, "/custom must be an object"),
            (["--user-file", "/dev/null/none"], 66, "/dev/null/none cannot be opened"),
            ([], 64, "Say for whom"),
            (["--user-id", "1", "--user", "{}"], 64, "exclude each other"),
            (["--user-id", "1", "--kind", "flag"], 64, "--kind"),
        ])
        func `says what is wrong with the command line`(options: [String], status: Int32, text: String) async throws {
            let files = try Self.files()
            let arguments = ["explain", "checkout", "--specs", files.specs] + options
            let outcome = try await Program.run(try Program.floodgate(), arguments)
            #expect(outcome.status == status, "\(outcome)")
            #expect(outcome.output.isEmpty)
            #expect(outcome.errorLines.first?.lowercased().hasPrefix("error: ") == true, "\(outcome)")
            #expect(outcome.errors.contains(text), "\(outcome)")
        }

        @Test func `warns of what no rule sees`() async throws {
            let files = try Self.files()
            let outcome = try await Program.floodgate(
                "explain",
                "checkout",
                "--specs",
                files.specs,
                "--user",
                "{\"user_id\":\"1\",\"plan\":\"pro\"}"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.errorLines.count == 2)
            #expect(outcome.errors.contains("write userID"))
            #expect(outcome.errors.contains("custom"))
        }

        @Test func `says what is wrong with the document`() async throws {
            let files = try Self.files()
            let outcome = try await Program.floodgate(
                "explain",
                "checkout",
                "--specs",
                "-",
                "--user-id",
                "1",
                input: "{\"has_updates\":true"
            )
            #expect(outcome.status == 65, "\(outcome)")
            #expect(outcome.errorLines.count == 1)
            let lists = try await Program.floodgate(
                "explain",
                "checkout",
                "--specs",
                files.specs,
                "--id-lists",
                files.specs,
                "--user-id",
                "1"
            )
            #expect(lists.status == 65, "\(lists)")
        }

        @Test func `explains what a project publishes`() async throws {
            let files = try Self.files()
            let data = files.folder.path + "/data"
            let imported = try await Program.floodgate("import", "statsig", files.specs, "--data", data)
            #expect(imported.status == 0, "\(imported)")
            let outcome = try await Program.floodgate(
                "explain",
                "checkout",
                "--data",
                data,
                "--user",
                "{\"userID\":\"1\",\"email\":\"bob@acme.com\"}"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.output.hasPrefix("gate checkout = true (rule staff, Network:Recognized)\n"))
            _ = try await Program.floodgate("gate", "disable", "checkout", "--data", data)
            let off = try await Program.floodgate("explain", "checkout", "--data", data, "--user-id", "1")
            #expect(off.output.hasPrefix("gate checkout = false"), "\(off)")
            let elsewhere = try await Program.floodgate(
                "explain",
                "checkout",
                "--data",
                data,
                "--user-id",
                "1",
                "--environment",
                "productoin"
            )
            #expect(elsewhere.status == 1, "\(elsewhere)")
            #expect(elsewhere.errors.contains("did you mean \"production\"?"))
        }
    }
}
