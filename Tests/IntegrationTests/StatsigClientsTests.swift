// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// Statsig's own SDKs against the built server, changed in nothing but their addresses.
    @Suite("Statsig's Python SDKs", .serialized) struct StatsigClientsTests {
        /// People of a web shop, some with everything that rules of the demo ask for, some with little.
        private static let users: [JSONValue] = (0..<50).map { number in
            var user: JSONObject = ["userID": .string("u-\(number * 7)")]
            let countries = ["DE", "US", "CA", "NZ", "AT", "NL"]
            if number % 3 != 0 { user["country"] = .string(countries[number % countries.count]) }
            if number % 4 == 1 { user["ip"] = "8.8.8.8" }
            if number % 2 == 0 {
                user["email"] = .string("person\(number)@\(number % 5 == 0 ? "fernandfold.example" : "example.com")")
            }
            if number % 5 != 4 { user["appVersion"] = .string("3.\(number % 4).\(number % 3)") }
            if number % 6 == 0 {
                user["userAgent"] = """
                    Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    Chrome/128.0.0.0 Safari/537.36
                    """
            }
            user["locale"] = number % 2 == 0 ? "de_DE" : "en_US"
            var custom: JSONObject = ["loyalty_points": .integer(number * 25)]
            if number % 7 == 0 { custom["plan"] = "pro" }
            user["custom"] = .object(custom)
            user["customIDs"] = ["companyID": .string("c-\(number % 9)"), "stableID": .string("s-\(number)")]
            return .object(user)
        }

        @Test func `get the answers of the Swift SDK, and their events are kept`() async throws {
            let python = try Program.python()
            let server = try await RunningServer.start()
            let key = try await server.key("server")

            var options = FloodgateClient.Options()
            options.server = server.url
            options.enableIDLists = true
            let client = FloodgateClient(key: key, options: options)
            let details = await client.initialize()
            try #require(details.isReady)
            #expect(details.areIDListsReady == true)
            let names = Self.names(client)
            let ours = Self.users.map { Self.evaluate(client, FloodgateUser(json: $0), names) }
            for user in Self.users {
                client.logEvent(
                    "swift_purchase",
                    for: FloodgateUser(json: user),
                    value: 12.5,
                    metadata: ["currency": "EUR"]
                )
            }
            await client.flush()
            let statistics = client.eventStatistics
            await client.shutdown()
            #expect(statistics.waiting == 0)

            let question: JSONValue = [
                "server": .string(server.url), "key": .string(key), "users": .array(Self.users), "names": names,
            ]
            var compared = 0
            for (script, source) in [("core_client.py", "Network"), ("legacy_client.py", "Network")] {
                let outcome = try await Program.run(python, [Program.client(script)], input: question.text)
                try #require(outcome.status == 0, "\(script): \(outcome)")
                let answer = try JSONValue(parsing: outcome.output)
                #expect(answer["source"]?.stringValue == source, "\(script) got its specs from elsewhere")
                let theirs = try #require(answer["answers"]?.arrayValue)
                try #require(theirs.count == ours.count)
                let isLegacy = script == "legacy_client.py"
                for (index, (our, their)) in zip(ours, theirs).enumerated() {
                    compared += Self.compare(
                        our,
                        their,
                        isLegacy: isLegacy,
                        "\(script), user \(Self.users[index].text)"
                    )
                }
            }
            print("Answers compared with Statsig's SDKs: \(compared) for \(Self.users.count) users")

            let events = try await server.events()
            #expect(try await server.eventCount() == Int64(events.count))
            for name in ["swift_purchase", "core_purchase", "legacy_purchase"] {
                let found = events.filter { $0["eventName"]?.stringValue == name }
                #expect(found.count == Self.users.count, "\(name) in the log")
                let units = Set(found.compactMap { $0["user"]?["userID"]?.stringValue })
                #expect(units.count == Self.users.count)
                #expect(found.allSatisfy { $0["metadata"]?["currency"]?.stringValue == "EUR" })
            }
            for gate in names["gates"]?.arrayValue?.compactMap(\.stringValue) ?? [] where !gate.hasPrefix("segment:") {
                let count = events.count {
                    $0["eventName"]?.stringValue == "statsig::gate_exposure"
                        && $0["metadata"]?["gate"]?.stringValue == gate
                }
                #expect(count >= 3 * Self.users.count, "Exposures of \(gate) by three SDKs")
            }
            print("Events of three SDKs in the log: \(events.count)")
            #expect(await server.stop() == 0)
        }

        @Test func `get behind an edge of an edge what they get from the server`() async throws {
            let python = try Program.python()
            let server = try await RunningServer.start()
            let key = try await server.key("server")
            let edgeKey = try await Program.text("keys", "create", "edge", "--data", server.data)
            let lines = try await Program.text("signing", "show", "--data", server.data).split(separator: "\n")
            let rootKey = try #require(lines.first { $0.hasPrefix("Root key") }?.split(separator: " ").last).description
            func edge(of upstream: RunningServer) async throws -> RunningServer {
                try await RunningServer.start(
                    command: "edge",
                    arguments: ["--upstream", upstream.url, "--key", edgeKey, "--root-key", rootKey]
                )
            }
            let near = try await edge(of: server)
            let far = try await edge(of: near)
            var options = FloodgateClient.Options()
            options.server = server.url
            let client = FloodgateClient(key: key, options: options)
            await client.initialize()
            let names = Self.names(client)
            await client.shutdown()
            for script in ["core_client.py", "legacy_client.py"] {
                var answers: [JSONValue] = []
                for address in [server.url, far.url] {
                    let question: JSONValue = [
                        "server": .string(address), "key": .string(key), "users": .array(Self.users), "names": names,
                    ]
                    let outcome = try await Program.run(python, [Program.client(script)], input: question.text)
                    try #require(outcome.status == 0, "\(script): \(outcome)")
                    answers.append(try JSONValue(parsing: outcome.output))
                }
                #expect(answers[0]["source"] == "Network" && answers[1]["source"] == "Network")
                #expect(answers[0]["answers"] == answers[1]["answers"], "\(script) is told something else by an edge")
            }
            // What they sent to the far edge comes to the server in the end.
            let isThere = await eventually(within: 30) {
                let events = (try? await server.events()) ?? []
                return ["core_purchase", "legacy_purchase"].allSatisfy { name in
                    events.count { $0["eventName"]?.stringValue == name } == 2 * Self.users.count
                }
            }
            #expect(isThere)
            for running in [far, near, server] { #expect(await running.stop() == 0) }
        }

        private static func names(_ client: FloodgateClient) -> JSONValue {
            func list(_ names: [String]) -> JSONValue { .array(names.sorted().map(JSONValue.string)) }
            let user = FloodgateUser(userID: "u-1")
            let layers = client.layerNames.map { name in
                (name, list(client.layer(name, for: user, options: .withoutExposure).names))
            }
            return [
                "gates": list(client.gateNames), "configs": list(client.dynamicConfigNames),
                "experiments": list(client.experimentNames), "layers": .object(JSONObject(layers)),
            ]
        }

        private static func evaluate(_ client: FloodgateClient, _ user: FloodgateUser, _ names: JSONValue) -> JSONValue
        {
            func all(_ kind: String, _ evaluate: (String) -> JSONValue) -> JSONValue {
                let names = names[kind]?.arrayValue?.compactMap(\.stringValue) ?? names[kind]?.objectValue?.names ?? []
                return .object(JSONObject(names.map { ($0, evaluate($0)) }))
            }
            return [
                "gates": all("gates") { name in
                    let gate = client.gate(name, for: user)
                    return ["value": .bool(gate.value), "rule": .string(gate.ruleID)]
                },
                "configs": all("configs") { name in
                    let config = client.dynamicConfig(name, for: user)
                    return ["value": .object(config.value), "rule": .string(config.ruleID)]
                },
                "experiments": all("experiments") { name in
                    let experiment = client.experiment(name, for: user)
                    return [
                        "value": .object(experiment.value), "rule": .string(experiment.ruleID),
                        "group": .text(experiment.groupName),
                    ]
                },
                "layers": all("layers") { name in
                    let layer = client.layer(name, for: user)
                    let values = layer.names.map { parameter in (parameter, layer.value(of: parameter) { $0 } ?? .null)
                    }
                    return [
                        "value": .object(JSONObject(values)), "rule": .string(layer.ruleID),
                        "experiment": .text(layer.allocatedExperiment),
                    ]
                },
            ]
        }

        /// Compares two users' worth of answers; how many there were.
        private static func compare(_ ours: JSONValue, _ theirs: JSONValue, isLegacy: Bool, _ who: String) -> Int {
            var count = 0
            for kind in ours.objectValue ?? JSONObject() {
                for entity in kind.value.objectValue ?? JSONObject() {
                    let theirs = theirs[kind.name]?[entity.name] ?? .null
                    count += 1
                    for member in entity.value.objectValue ?? JSONObject() {
                        // The older SDK has no accessor for a layer's experiment.
                        if isLegacy, theirs[member.name] == nil { continue }
                        let their = theirs[member.name] ?? .null
                        // The older SDK asks no rules of what is marked as disabled, and calls the outcome so.
                        if isLegacy, member.name == "rule", their == "disabled" { continue }
                        let difference = "ours \(member.value.text), theirs \(their.text)"
                        #expect(
                            member.value.isEquivalent(to: their),
                            "\(kind.name) \(entity.name) \(member.name): \(difference); \(who)"
                        )
                    }
                }
            }
            return count
        }
    }
}
