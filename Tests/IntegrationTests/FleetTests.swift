// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Foundation
import Testing

/// `floodgate fleet` and `--wait`: who holds what, by the running server's word.
@Suite("Fleet") struct FleetTests {
    private static func client(_ server: RunningServer, key: String, name: String, streaming: Bool) async throws
        -> FloodgateClient
    {
        var options = FloodgateClient.Options()
        options.server = server.url
        options.streaming = streaming
        options.pollInterval = .seconds(1)
        options.instanceName = name
        let client = FloodgateClient(key: key, options: options)
        await client.initialize()
        return client
    }

    @Test func `a change returns when all instances hold it, behind an edge and without a stream, too`() async throws {
        let server = try await RunningServer.start()
        let key = try await server.key("server")
        let edgeKey = try await Program.text("keys", "create", "edge", "--data", server.data)
        let signing = try await Program.text("signing", "show", "--data", server.data)
        let rootKey = try #require(
            signing.split(separator: "\n").first { $0.hasPrefix("Root key") }?.split(separator: " ").last
        )
        let edge = try await RunningServer.start(
            command: "edge",
            arguments: ["--upstream", server.url, "--key", edgeKey, "--root-key", String(rootKey)],
            awaits: "/readyz"
        )
        let clients = [
            try await Self.client(server, key: key, name: "near", streaming: true),
            try await Self.client(edge, key: key, name: "far", streaming: true),
            try await Self.client(server, key: key, name: "polling", streaming: false),
        ]
        // The edge itself is the fourth.
        let isComplete = await eventually(within: 30) {
            let text = try? await Program.text("fleet", "--data", server.data)
            return text?.hasPrefix("production: 4 of 4 live instances hold the newest version") ?? false
        }
        #expect(isComplete)
        let fleet = try await Program.text("fleet", "--json", "--data", server.data)
        let edges = try JSONValue(parsing: fleet).arrayValue?.first?["edges"]?.arrayValue
        #expect(edges?.count == 1 && edges?.first?["confirmed_ms_ago"]?.integerValue != nil)
        let text = try await Program.text("gate", "disable", "new_checkout", "--wait", "--data", server.data)
        #expect(text.contains("new_checkout is now off"))
        #expect(text.contains("production: all 4 live instances hold it (p50 "))
        for client in clients {
            #expect(!client.checkGate("new_checkout", for: FloodgateUser(userID: "u")))
            await client.shutdown()
        }
        await edge.stop()
        await server.stop()
    }

    @Test func `a change names those that do not hold it in time`() async throws {
        let server = try await RunningServer.start()
        let key = try await server.key("server")
        let headers = [
            "statsig-server-session-id": "0123456789", "statsig-sdk-type": "py-core", "statsig-sdk-version": "0.9.2",
            "floodgate-instance": "left-behind",
        ]
        let path = "/v2/download_config_specs/\(key).json?sinceTime=1"
        #expect(try await HTTP.send("GET", server.url + path, headers).status == 200)
        let fleet = try await Program.text("fleet", "--data", server.data)
        #expect(fleet.contains("left-behind (01234567)") && fleet.contains("py-core 0.9.2"))
        let floodgate: String = try Program.floodgate()
        let outcome = try await Program.run(
            floodgate,
            ["gate", "enable", "pay_later", "--wait", "--timeout", "1", "--data", server.data]
        )
        #expect(outcome.status == 75)
        #expect(outcome.errors.contains("1 of 1 live instances do not hold it: left-behind (01234567), seen "))
        // By address and console key, as from another machine.
        let console = try await server.key("console")
        let json = try await Program.run(
            floodgate,
            ["fleet", "--server", server.url, "--json"],
            environment: ["FLOODGATE_CONSOLE_KEY": console]
        )
        #expect(try JSONValue(parsing: Array(json.output.utf8)).arrayValue?.first?["live"] == 1)
        for arguments in [
            ["--server", server.url, "--key", "console-no"], ["--server", "http://127.0.0.1:1", "--key", "x"],
        ] {
            #expect(try await Program.run(floodgate, ["fleet"] + arguments).status == 69)
        }
        await server.stop()
        let gone = try await Program.run(floodgate, ["fleet", "--data", server.data])
        #expect(gone.status == 69 && gone.errors.contains("No server runs on"))
        // What could not be waited for is not begun.
        let refused = try await Program.run(
            floodgate,
            ["gate", "disable", "pay_later", "--wait", "--data", server.data]
        )
        #expect(refused.status == 69)
        #expect(try await Program.text("gate", "show", "pay_later", "--json", "--data", server.data).contains("true"))
    }
}
