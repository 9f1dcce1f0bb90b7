// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// OpenFeature's own SDK with its OFREP provider against the built server.
    @Suite("OpenFeature's Python SDK", .serialized) struct OpenFeatureClientsTests {
        private struct Question {
            let type: String
            let key: String
            let `default`: JSONValue
            let context: JSONValue
            let value: JSONValue
            let reason: String
            let variant: JSONValue
            let error: JSONValue

            init(
                _ type: String,
                _ key: String,
                _ default: JSONValue,
                _ context: JSONValue,
                value: JSONValue,
                reason: String = "",
                variant: JSONValue = .null,
                error: JSONValue = .null
            ) {
                self.type = type
                self.key = key
                self.default = `default`
                self.context = context
                self.value = value
                self.reason = reason
                self.variant = variant
                self.error = error
            }
        }

        private static func served(
            _ type: String,
            _ key: String,
            _ default: JSONValue,
            _ value: JSONValue,
            _ reason: String = "DEFAULT",
            _ variant: JSONValue = "default",
            context: JSONValue = ["targetingKey": "u-1"]
        ) -> Question {
            Question(type, key, `default`, context, value: value, reason: reason, variant: variant)
        }

        private static func failed(
            _ type: String,
            _ key: String,
            _ default: JSONValue,
            _ error: JSONValue,
            context: JSONValue = ["targetingKey": "u-1"]
        ) -> Question {
            Question(type, key, `default`, context, value: `default`, reason: "ERROR", error: error)
        }

        /// What the demo does not have: every type of value, and a condition that nobody knows.
        private static let types: JSONValue = [
            "name": "types", "type": "dynamic_config", "entity": "dynamic_config", "idType": "userID", "salt": "t",
            "enabled": true, "rules": [],
            "defaultValue": [
                "bool": true, "text": "grüße", "integer": 2, "double": 2.5, "whole": 2.0, "list": [1, "a"],
                "object": ["x": ["y": 1]], "nothing": .null,
            ],
        ]

        private static let questions: [Question] = [
            served("boolean", "free_returns", false, true, "STATIC", "on"),
            served("boolean", "free_returns", false, true, "STATIC", "on", context: .null),
            served("boolean", "pay_later", true, false, "DISABLED", "off"),
            served("object", "catalog_page", [:], ["page_size": 24, "columns": 3, "show_stock": false]),
            served(
                "integer",
                "catalog_page.page_size",
                1,
                48,
                "TARGETING_MATCH",
                "kWbP2skRQ3",
                context: ["targetingKey": "u-1", "membership": "gold"]
            ),
            served("string", "checkout_copy.title", "", "Buy now", "SPLIT", "Control"),
            served("boolean", "types.bool", false, true), served("string", "types.text", "", "grüße"),
            served("integer", "types.integer", 0, 2), served("float", "types.double", 0.5, 2.5),
            served("float", "types.whole", 0.5, 2.0), served("object", "types.list", [], [1, "a"]),
            served("object", "types.object", [:], ["x": ["y": 1]]), served("string", "types.nothing", "d", "d"),
            failed("boolean", "no_such_flag", true, "FLAG_NOT_FOUND"),
            failed("string", "types.no_such", "d", "FLAG_NOT_FOUND"),
            failed("string", "free_returns", "d", "TYPE_MISMATCH"),
            failed("boolean", "checkout_copy", false, "TYPE_MISMATCH"),
            failed("integer", "types.double", 7, "TYPE_MISMATCH"),
            failed("integer", "types.whole", 7, "TYPE_MISMATCH"),
            failed("float", "types.integer", 7.5, "TYPE_MISMATCH"),
            failed("object", "types.text", [:], "TYPE_MISMATCH"),
            failed("boolean", "free_returns", false, "INVALID_CONTEXT", context: ["email": ["a"]]),
        ]

        @Test func `gets flags of every type, and errors by their names`() async throws {
            let server = try await RunningServer.start()
            let key = try await server.key("server")
            try await addTypes(to: server, key)
            let outcome = try await Program.floodgate("gate", "disable", "pay_later", "--data", server.data)
            try #require(outcome.status == 0, "\(outcome)")
            let isThere = await eventually(within: 30) {
                let flags = try? await allFlags(of: server, key)
                return flags?["types"] != nil && flags?["pay_later"] == "DISABLED"
            }
            try #require(isThere)
            let answers = try await ask(server, ["Authorization": .string("Bearer " + key)], Self.questions)
            try #require(answers.count == Self.questions.count)
            for (question, answer) in zip(Self.questions, answers) {
                let what = "\(question.type) \(question.key): \(answer.text)"
                #expect(answer["value"] == question.value, "\(what)")
                #expect(answer["reason"]?.stringValue == question.reason, "\(what)")
                #expect(answer["variant"] == question.variant, "\(what)")
                #expect(answer["error"] == question.error, "\(what)")
                guard question.error.isNull else { continue }
                #expect(answer["metadata"]?["ruleID"]?.stringValue?.isEmpty == false, "\(what)")
                #expect(answer["metadata"]?["lcut"]?.integerValue ?? 0 > 0, "\(what)")
            }
            // What was of another type was served all the same, for all that the server knows.
            let served = Self.questions.count { $0.error.isNull || $0.error == "TYPE_MISMATCH" }
            let events = try await server.events()
            #expect(events.count == served)
            #expect(events.allSatisfy { $0["eventName"]?.stringValue?.hasSuffix("_exposure") == true })
            #expect(await server.stop() == 0)
        }

        @Test func `gets the Swift SDK's answers with a client's key`() async throws {
            let server = try await RunningServer.start()
            var options = FloodgateClient.Options()
            options.server = server.url
            options.enableIDLists = true
            let client = FloodgateClient(key: try await server.key("server"), options: options)
            try #require(await client.initialize().isReady)
            var questions: [Question] = []
            for number in 0..<25 {
                let user = FloodgateUser(userID: "u-\(number)")
                // What the server would fill in for a client is here, so that both see the same.
                let context: JSONValue = [
                    "targetingKey": .string("u-\(number)"), "ip": "192.0.2.1", "userAgent": "test",
                ]
                for name in client.gateNames {
                    let value = JSONValue.bool(client.checkGate(name, for: user))
                    questions.append(Question("boolean", name, false, context, value: value))
                }
                for name in client.experimentNames {
                    let value = JSONValue.object(client.experiment(name, for: user).value)
                    questions.append(Question("object", name, [:], context, value: value))
                }
                let suggestions: JSONValue? = client.layer("search_page", for: user).value(of: "suggestions") { $0 }
                questions.append(
                    Question("integer", "search_page.suggestions", 0, context, value: suggestions ?? .null)
                )
            }
            await client.shutdown()
            let answers = try await ask(server, ["X-API-Key": .string(try await server.key("client"))], questions)
            try #require(answers.count == questions.count)
            for (question, answer) in zip(questions, answers) {
                let what = "\(question.key) for \(question.context.text): \(answer.text)"
                #expect(answer["value"]?.isEquivalent(to: question.value) == true, "\(what)")
                #expect(answer["error"] == .null, "\(what)")
            }
            #expect(await server.stop() == 0)
        }

        private func ask(
            _ server: RunningServer,
            _ headers: JSONObject,
            _ questions: [Question]
        ) async throws -> [JSONValue] {
            let list = questions.map { question -> JSONValue in
                [
                    "type": .string(question.type), "key": .string(question.key), "default": question.default,
                    "context": question.context,
                ]
            }
            let input: JSONValue = [
                "server": .string(server.url), "headers": .object(headers), "questions": .array(list),
            ]
            let script = Program.client("ofrep_client.py")
            let outcome = try await Program.run(try Program.python(), [script], input: input.text)
            try #require(outcome.status == 0, "\(outcome)")
            return try JSONValue(parsing: outcome.output).arrayValue ?? []
        }

        /// Puts `types` beside what there is.
        private func addTypes(to server: RunningServer, _ key: String) async throws {
            let specs = "\(server.url)/v1/download_config_specs/\(key).json"
            var document = try #require(try await HTTP.send("GET", specs).json?.objectValue)
            document["dynamic_configs"] = .array((document["dynamic_configs"]?.arrayValue ?? []) + [Self.types])
            let file = server.folder.path + "/types.json"
            try Data(JSONValue.object(document).bytes).write(to: URL(fileURLWithPath: file))
            let outcome = try await Program.floodgate("import", "statsig", file, "--data", server.data)
            try #require(outcome.status == 0, "\(outcome)")
        }

        /// The reasons of all flags; asking for all leaves no exposures.
        private func allFlags(of server: RunningServer, _ key: String) async throws -> [String: String] {
            let url = server.url + "/ofrep/v1/evaluate/flags"
            let answer = try await HTTP.send("POST", url, ["X-API-Key": key], body: Array("{}".utf8))
            let flags = answer.json?["flags"]?.arrayValue ?? []
            let pairs = flags.map { ($0["key"]?.stringValue ?? "", $0["reason"]?.stringValue ?? "") }
            return Dictionary(pairs) { first, _ in first }
        }
    }
}
