// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    @Suite("Metrics of a running server", .serialized) struct MetricsTests {
        /// Series without the bounds of buckets, with their values.
        private func series(_ text: String) -> [String: Double] {
            Dictionary(
                text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
                    line.lastIndex(of: " ").map { (String(line[..<$0]), Double(line[$0...].dropFirst()) ?? .nan) }
                }
            ) { first, _ in first }
        }

        private func start() async throws -> (server: RunningServer, metrics: String) {
            let port = try Loopback.freePort()
            let server = try await RunningServer.start(
                arguments: ["--demo", "--metrics-listen", "127.0.0.1:\(port)", "--access-log", "errors"]
            )
            return (server, "http://127.0.0.1:\(port)/metrics")
        }

        /// Requests of which each has something new where a label might be made of it.
        private func hostile(_ number: Int) -> [String] {
            let word = "w\(number)x"
            let end = "\r\nhost: \(word).example\r\nuser-agent: \(word)\r\nstatsig-api-key: secret-\(word)\r\n\r\n"
            return [
                "GET /\(word) HTTP/1.1" + end, "\(word) / HTTP/1.1" + end, "GET /livez?\(word)=\(word) HTTP/1.1" + end,
                "GET /gates/\(word) HTTP/1.1" + end, "GET /v1/get_id_lists/secret-\(word) HTTP/1.1" + end,
                "POST /v1/\(word) HTTP/1.1" + end, "GET / HTTP/1.\(number)" + end, "GET /livez \(word)\r\n\r\n",
                "GET /console/assets/\(word).css HTTP/1.1" + end, "PUT /v1/log_event HTTP/1.1" + end,
                "GET / HTTP/1.1\r\nhost: a\r\n\(word): \(word)\r\nbad header\r\n\r\n", "\(word)\u{0}\r\n\r\n",
                "POST /v1/log_event HTTP/1.1\r\nhost: a\r\ncontent-type: \(word)/\(word)\r\ncontent-length: 2\r\n\r\n{}",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\(word)",
            ]
        }

        @Test func `no client makes a series`() async throws {
            let (server, metrics) = try await start()
            var known: [Set<String>] = []
            for round in 0..<3 {
                for number in round * 40..<round * 40 + 40 {
                    for request in hostile(number) { _ = try HTTP.raw(port: server.port, Array(request.utf8)) }
                }
                let text = try await HTTP.send("GET", metrics).text
                known.append(Set(series(text).keys))
                #expect(!text.contains("w\(round * 40)x"))
                #expect(series(text)["metrics_dropped_series_total"] == 0)
            }
            #expect(known[0].count < 10_000)
            // The first round may meet a limit that the others meet sooner.
            #expect(known[2].subtracting(known[1]).isEmpty)
            #expect(await server.stop() == 0)
        }

        @Test func `tell what passed through the doors`() async throws {
            let (server, metrics) = try await start()
            let key = try await server.key("server")
            let specs = try await HTTP.send("GET", server.url + "/v2/download_config_specs/\(key).json")
            let events = Array("{\"events\":[]}".utf8)
            _ = try await HTTP.send("POST", server.url + "/v1/log_event", ["STATSIG-API-KEY": key], body: events)
            _ = try await HTTP.send("POST", server.url + "/v1/log_event", ["STATSIG-API-KEY": key], body: [0x7B])
            _ = try HTTP.raw(port: server.port, Array("nonsense\r\n\r\n".utf8))
            _ = try await HTTP.send("GET", server.url + "/none")
            let found = series(try await HTTP.send("GET", metrics).text)
            let route = "route=\"/v2/download_config_specs/{key}\""
            #expect(found["http_requests_total{class=\"2xx\",\(route)}"] == 1)
            #expect(found["http_response_body_bytes_sum{\(route)}"] == Double(specs.body.count))
            #expect(found["http_request_body_bytes_sum{route=\"/v1/log_event\"}"] == Double(events.count + 1))
            #expect(found["http_request_seconds_count{route=\"/v1/log_event\"}"] == 2)
            for reason in ["malformed", "not_found"] {
                #expect(found["http_refused_total{reason=\"\(reason)\"}"] ?? 0 >= 1, "\(reason)")
            }
            #expect(found["loop_lag_worst_seconds{loop=\"0\"}"] != nil)
            #expect(found["http_concurrency_limit{class=\"exposures\"}"] != nil)
            let closed = found.filter { $0.key.hasPrefix("http_connections_closed_total") }.values.reduce(0, +)
            let accepted = try #require(found["http_connections_accepted_total"])
            let open = try #require(found["http_connections"])
            #expect(accepted == closed + open, "every connection that is not open any more was closed for a reason")
            #expect(await server.stop() == 0)
        }

        @Test func `are told apart from the rest`() async throws {
            let (server, metrics) = try await start()
            #expect(try await HTTP.send("GET", metrics.replacing("/metrics", with: "/readyz")).status == 200)
            #expect(try await HTTP.send("GET", metrics.replacing("/metrics", with: "/")).status == 404)
            #expect(await server.stop() == 0)
            let (descriptor, port) = try Loopback.listen()
            defer { close(descriptor) }
            let outcome = try await Program.floodgate(
                "serve",
                "--data",
                server.data,
                "--listen",
                "127.0.0.1:\(server.port)",
                "--metrics-listen",
                "127.0.0.1:\(port)"
            )
            #expect(outcome.status == 69)
            #expect(outcome.errors.contains("--metrics-listen"))
        }
    }
}
