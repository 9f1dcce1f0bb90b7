// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// Keys from the command line's hand to the running server's door.
    @Suite("Keys of a running server", .serialized) struct KeyLifeTests {
        @Test func `work seconds after they are made and not a minute after they are revoked`() async throws {
            let server = try await RunningServer.start()
            let made = try await keys(of: server, "create", "server")
            let key = try #require(made.output.split(separator: "\n").first.map(String.init))
            #expect(await eventually(within: 10) { await status(server, key) == 200 })
            let revoked = try await keys(of: server, "revoke", "secret-…" + key.suffix(4))
            #expect(revoked.status == 0, "\(revoked)")
            #expect(await eventually(within: 60) { await status(server, key) == 403 })
            #expect(try await status(server, server.key("server")) == 200, "other keys go on")
            #expect(await server.stop() == 0)
        }

        @Test func `end to work when their time is up`() async throws {
            let server = try await RunningServer.start()
            let made = try await keys(of: server, "create", "server", "--expires", "4s", "--json")
            let object = try JSONValue(parsing: made.output)
            let key = try #require(object["key"]?.stringValue)
            #expect(object["expires_time"]?.integerValue == object["created_time"]?.integerValue.map { $0 + 4_000 })
            #expect(await eventually(within: 4) { await status(server, key) == 200 })
            #expect(await eventually(within: 60) { await status(server, key) == 403 })
            let listed = try await keys(of: server, "list")
            #expect(!listed.output.contains("…" + key.suffix(4)))
            for time in ["", "0d", "-1h", "1", "1w", "9999999999999999d"] {
                let refused = try await keys(of: server, "create", "server", "--expires=\(time)")
                #expect(refused.status == 64, "\(time): \(refused)")
            }
            #expect(await server.stop() == 0)
        }

        @Test func `are shown when they are made, and the first ones for as long as their file is there`() async throws
        {
            var server = try await RunningServer.start()
            let folder = server.folder
            let file = server.data + "/initial-keys.json"
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            let first = try await server.key("server")
            let made = try await keys(of: server, "create", "console", "--json")
            let second = try #require(try JSONValue(parsing: made.output)["key"]?.stringValue)
            #expect(await greets(server))
            #expect(server.child.output.contains("Server key  \(first)"))
            for name in try FileManager.default.contentsOfDirectory(atPath: server.data) where name.hasPrefix("control")
            {
                let content = FileManager.default.contents(atPath: "\(server.data)/\(name)") ?? Data()
                for key in [first, second] { #expect(content.range(of: Data(key.utf8)) == nil, "\(name)") }
            }
            #expect(try await shown(server) == [first])
            #expect(await server.stop() == 0)

            server = try await RunningServer.start(in: folder, port: server.port)
            #expect(await greets(server))
            #expect(server.child.output.contains("Server key  \(first)"), "a second start shows them, too")
            #expect(await server.stop() == 0)

            try FileManager.default.removeItem(atPath: file)
            server = try await RunningServer.start(in: folder, port: server.port)
            #expect(await greets(server))
            #expect(!server.child.output.contains(first))
            #expect(server.child.output.contains("Server key  secret-…\(first.suffix(4))"))
            #expect(try await shown(server) == [])
            #expect(await status(server, first) == 200)
            #expect(await server.stop() == 0)
        }

        /// Whether the greeting, which follows the first answers, has come.
        private func greets(_ server: RunningServer) async -> Bool {
            await eventually(within: 20) { server.child.output.contains("Client key") }
        }

        private func keys(of server: RunningServer, _ arguments: String...) async throws -> Program.Outcome {
            try await Program.run(try Program.floodgate(), ["keys"] + arguments + ["--data", server.data])
        }

        /// The server keys that `keys list` shows whole.
        private func shown(_ server: RunningServer) async throws -> [String] {
            let outcome = try await keys(of: server, "list", "--json")
            let all = try JSONValue(parsing: outcome.output).arrayValue ?? []
            #expect(all.count == 4, "\(outcome)")
            return all.filter { $0["kind"] == "server" }.compactMap { $0["key"]?.stringValue }
        }

        private func status(_ server: RunningServer, _ key: String) async -> Int? {
            try? await HTTP.send("GET", server.url + "/v2/download_config_specs/\(key).json").status
        }
    }
}
