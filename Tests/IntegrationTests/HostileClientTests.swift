// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// An edge among clients that mean it ill.
    @Suite("Hostile clients of an edge", .serialized) struct HostileClientTests {
        /// A server and an edge of it, whose numbers are served at an address of their own.
        private struct Pair {
            let server: RunningServer
            let edge: RunningServer
            let metrics: String
            let serverKey: String
            let clientKey: String

            init() async throws {
                server = try await RunningServer.start()
                let key = try await Program.text("keys", "create", "edge", "--data", server.data)
                let signing = try await Program.text("signing", "show", "--data", server.data)
                let line = signing.split(separator: "\n").first { $0.hasPrefix("Root key") }
                let root = try #require(line?.split(separator: " ").last)
                let port = try Loopback.freePort()
                metrics = "http://127.0.0.1:\(port)/metrics"
                edge = try await RunningServer.start(
                    command: "edge",
                    arguments: [
                        "--upstream", server.url, "--key", key, "--root-key", String(root), "--access-log", "errors",
                        "--metrics-listen", "127.0.0.1:\(port)",
                    ]
                )
                serverKey = try await server.key("server")
                clientKey = try await server.key("client")
            }

            func number(_ name: String) async throws -> Double {
                let text = try await HTTP.send("GET", metrics).text
                let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
                return line.flatMap { Double($0.split(separator: " ").last ?? "") } ?? 0
            }

            func refused(_ reason: String) async throws -> Double {
                try await number("http_refused_total{reason=\"\(reason)\"}")
            }

            /// What the server has refused, by reason.
            func refusedUpstream() async throws -> [Substring] {
                let text = try await HTTP.send("GET", server.url + "/metrics").text
                return text.split(separator: "\n").filter { $0.hasPrefix("http_refused_total{") }.sorted()
            }

            func stop() async { for running in [edge, server] { await running.stop() } }
        }

        /// Requests of which each names a key or a path that nobody named before.
        private static func requests(_ numbers: Range<Int>) -> [UInt8] {
            var text = ""
            for number in numbers {
                let id = String(number, radix: 36)
                let end = " HTTP/1.1\r\nhost: a\r\n"
                let request =
                    switch number % 5 {
                    case 0: "GET /v2/download_config_specs/secret-\(id)nobody.json\(end)\r\n"
                    case 1: "POST /v1/initialize\(end)statsig-api-key: client-\(id)\r\ncontent-length: 2\r\n\r\n{}"
                    case 2: "GET /\(id)/\(id)\(end)\r\n"
                    case 3: "GET /delivery/v1/fgd_\(id)nobody\(end)\r\n"
                    default:
                        "GET /delivery/v1/objects/\(String(repeating: "0", count: 64 - id.utf8.count) + id)\(end)\r\n"
                    }
                text += request
            }
            return Array(text.utf8)
        }

        /// Connections that ask for much and take nothing.
        private final class SlowReaders {
            private var descriptors: [Int32] = []

            init(_ count: Int, port: Int, request: String) throws {
                let bytes = Array(request.utf8)
                for _ in 0..<count {
                    let descriptor = try Loopback.connect(port: port)
                    var size: Int32 = 4_096
                    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
                    _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                    descriptors.append(descriptor)
                }
            }

            deinit { for descriptor in descriptors { close(descriptor) } }
        }

        @Test func `ten thousand unknown keys and paths, and readers that do not read, cost memory to nobody`()
            async throws
        {
            let pair = try await Pair()
            let specs = "\(pair.edge.url)/v2/download_config_specs/\(pair.serverKey).json"
            let whole = try await HTTP.send("GET", specs).body
            let body = Array(#"{"user":{"userID":"u-1"}}"#.utf8)
            let key = ["statsig-api-key": pair.clientKey, "content-type": "application/json"]
            let evaluated = try await HTTP.send("POST", pair.edge.url + "/v1/initialize", key, body: body).body
            // What every client costs once is not what is looked for.
            for batch in 0..<20 { _ = try HTTP.raw(port: pair.edge.port, Self.requests(batch * 50..<batch * 50 + 50)) }

            let ask = "GET /v2/download_config_specs/\(pair.serverKey).json HTTP/1.1\r\nhost: a\r\n\r\n"
            let stream = "GET /v2/stream_config_specs HTTP/1.1\r\nhost: a\r\nstatsig-api-key: \(pair.serverKey)\r\n\r\n"
            let before = try await pair.number("process_resident_bytes")
            let slow = try SlowReaders(40, port: pair.edge.port, request: String(repeating: ask, count: 200))
            let silent = try SlowReaders(40, port: pair.edge.port, request: stream)
            defer { withExtendedLifetime((slow, silent)) {} }
            let (evaluations, unknown) = (try await pair.refused("rate_limited"), try await pair.refused("key_unknown"))
            let missing = try await pair.refused("not_found")
            let upstream = try await pair.refusedUpstream()

            let port = pair.edge.port
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for batch in 20..<220 {
                        _ = try HTTP.raw(port: port, Self.requests(batch * 50..<batch * 50 + 50))
                        await Task.yield()
                    }
                }
                for _ in 0..<100 {
                    #expect(try await HTTP.send("GET", specs).body == whole)
                    #expect(
                        try await HTTP.send("POST", pair.edge.url + "/v1/initialize", key, body: body).body == evaluated
                    )
                }
                try await group.waitForAll()
            }

            let grown = try await pair.number("process_resident_bytes") - before
            #expect(grown < 48 * 1_048_576, "\(Int(grown)) bytes more than before")
            print("Memory after ten thousand unknown keys and paths: \(Int(grown) >> 10) KiB more")
            // Each of them by its reason: a key that is unknown, or one key too many; a path, an id or a document that is not.
            let keys = try await pair.refused("rate_limited") + pair.refused("key_unknown") - evaluations - unknown
            #expect(keys == 4_000)
            #expect(try await pair.refused("not_found") - missing == 6_000)
            // And none of it went on to the server.
            #expect(try await pair.refusedUpstream() == upstream)
            await pair.stop()
        }

        @Test func `clients that evaluate nothing themselves get from an edge what the server says`() async throws {
            let pair = try await Pair()
            let user = #""user":{"userID":"u-7","country":"NZ","custom":{"plan":"pro"}}"#
            let questions = [
                ("/v1/initialize", "{\(user),\"hash\":\"sha256\"}"), ("/v1/initialize", "{\(user)}"),
                ("/v1/check_gate", "{\(user),\"gateName\":\"free_returns\"}"),
                ("/v1/check_gate", "{\(user),\"gateNames\":[\"free_returns\",\"nope\"]}"),
                ("/v1/get_config", "{\(user),\"configName\":\"checkout_copy\"}"),
                ("/v1/get_layer", "{\(user),\"layerName\":\"search_page\"}"),
                ("/v1/get_layer", "{\(user),\"layerName\":\"nope\"}"),
                ("/v1/get_ranked_list", "{\(user),\"configName\":\"nope\"}"),
                (
                    "/v1/log_custom_exposure",
                    "{\(user),\"exposures\":[{\"gateName\":\"free_returns\",\"passes\":true,\"ruleID\":\"r\"}]}"
                ), ("/ofrep/v1/evaluate/flags/free_returns", #"{"context":{"targetingKey":"u-7"}}"#),
                ("/ofrep/v1/evaluate/flags", #"{"context":{"targetingKey":"u-7"}}"#),
            ]
            for (path, body) in questions {
                var answers: [HTTP.Answer] = []
                for url in [pair.server.url, pair.edge.url] {
                    let headers = ["statsig-api-key": pair.clientKey, "content-type": "application/json"]
                    answers.append(try await HTTP.send("POST", url + path, headers, body: Array(body.utf8)))
                }
                #expect(answers[0].status == answers[1].status, "\(path)")
                guard answers[0].status < 300 else { continue }
                #expect(answers[0].text == answers[1].text, "\(path)")
            }
            // What was asked at the edge was an exposure, too, and came to the server.
            let arrived = await eventually(within: 20) {
                let events = (try? await pair.server.events()) ?? []
                return events.count { JSONValue.object($0.objectValue ?? [:]).text.contains("gate_exposure") } >= 6
            }
            #expect(arrived)
            await pair.stop()
        }
    }
}
