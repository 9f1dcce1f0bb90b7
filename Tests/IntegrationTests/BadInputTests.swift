// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// What the server does with requests that it must not accept.
    @Suite("Bad requests", .serialized) struct BadInputTests {
        @Test func `get a 4xx and change nothing`() async throws {
            let server = try await RunningServer.start()
            let keys = [
                "server": try await server.key("server"), "client": try await server.key("client"),
                "console": try await consoleKey(server),
            ]
            let specs = server.url + "/v2/download_config_specs/\(keys["server"] ?? "").json"
            let before = try await HTTP.send("GET", specs)
            #expect(before.status == 200)
            for bad in BadRequest.all {
                var headers = bad.headers
                if let key = bad.key { headers["STATSIG-API-KEY"] = keys[key] ?? key }
                let answer: HTTP.Answer
                if let body = bad.body, body.count > 1 << 20 {
                    answer = try HTTP.sendBeginning(bad.method, port: server.port, bad.path, headers, body: body)
                } else {
                    answer = try await HTTP.send(bad.method, server.url + bad.path, headers, body: bad.body)
                }
                #expect(
                    bad.statuses.contains(answer.status),
                    "\(bad.name): \(answer.status) \(answer.text.prefix(300))"
                )
                if answer.headers["content-type"]?.hasPrefix("text/html") == true {
                    #expect(
                        answer.text.contains("Nothing was changed") || answer.status == 404,
                        "\(bad.name)"
                    )
                } else {
                    #expect(answer.json?["message"]?.stringValue?.isEmpty == false, "\(bad.name): \(answer)")
                    #expect(
                        answer.json?["status"]?.integerValue == Int64(answer.status),
                        "\(bad.name): \(answer)"
                    )
                }
                #expect(answer.body.count < 100_000)
            }
            #expect(try await server.eventCount() == 0)
            #expect(try await HTTP.send("GET", specs).body == before.body)
            #expect(server.child.isRunning)
            #expect(
                try await HTTP.send(
                    "POST",
                    server.url + "/v1/log_event",
                    ["STATSIG-API-KEY": keys["server"] ?? ""],
                    body: BadRequest.good
                ).status == 202
            )
            #expect(try await server.eventCount() == 1)
            print("Bad requests refused: \(BadRequest.all.count)")
            #expect(await server.stop() == 0)
        }

        private func consoleKey(_ server: RunningServer) async throws -> String {
            if let key = try? await server.key("console") { return key }
            let made = try await Program.floodgate("keys", "create", "console", "--data", server.data)
            let key = String(made.output.split(separator: "\n").last ?? "")
            _ = await eventually(within: 5) {
                (try? await HTTP.send("GET", server.url + "/console/v1/gates", ["STATSIG-API-KEY": key]))?.status == 200
            }
            return key
        }

        /// HEAD stands for the beginning of a good request.
        private static let broken = [
            ("half a body", "HEADContent-Length: 500\r\n\r\n{\"events\":["),
            ("half a head", "HEADStatsig-Event-C"),
            (
                "a chunk without its end",
                "HEADTransfer-Encoding: chunked\r\n\r\nff\r\n{\"events\":[{\"eventName\":\"a\"}]}"
            ),
            ("a chunk size that is none", "HEADTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
            ("two lengths", "HEADContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
            ("a length below 0", "HEADContent-Length: -1\r\n\r\n{}"),
            ("no HTTP", "hello\r\n\r\n"),
            ("a head without end", "GET /\(String(repeating: "a", count: 200_000)) HTTP/1.1\r\n"),
        ]

        @Test func `that break off or are no HTTP change nothing`() async throws {
            let server = try await RunningServer.start()
            let key = try await server.key("server")
            let head = "POST /v1/log_event HTTP/1.1\r\nHost: localhost\r\nSTATSIG-API-KEY: \(key)\r\n"
            for (name, request) in Self.broken {
                let bytes = Array(request.replacing("HEAD", with: head, maxReplacements: 1).utf8)
                let answer = try HTTP.raw(port: server.port, bytes)
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(name): \(answer.prefix(200))")
                #expect(try await HTTP.send("GET", server.url + "/livez").status == 200, "\(name)")
            }
            #expect(try await server.eventCount() == 0)
            #expect(await server.stop() == 0)
        }
    }
}
