// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import NIOEmbedded
import Testing

@Suite("Listener for scrapers and probes") struct OperationsFrontTests {
    private func ask(_ method: HTTPRequest.Method, _ path: String, of server: TestServer) async throws -> TestResponse {
        let door = try await Rehearsal(server.server.operationsFront())
        let request = HTTPRequest(method: method, scheme: "http", authority: "metrics.internal", path: path)
        return try await TestResponse(try await door.reply(to: request, over: NIOAsyncTestingChannel()))
    }

    @Test func `shows metrics and health without a key, wherever it listens`() async throws {
        let server = try await TestServer { $0.listen = ListenAddress(host: "0.0.0.0", port: 8080) }
        let metrics = try await ask(.get, "/metrics", of: server)
        #expect(metrics.status == .ok)
        #expect(metrics.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(metrics.text.contains("# TYPE build_info gauge"))
        #expect(try await ask(.get, "/livez", of: server).text == "ok\n")
        #expect(try await ask(.get, "/readyz", of: server).text == "ok\n")
        #expect(try await ask(.head, "/readyz", of: server).status == .ok)
    }

    @Test func `has nothing else behind it`() async throws {
        let server = try await TestServer()
        for rule in RouteRules.all where !["/metrics", "/livez", "/readyz"].contains(rule.path) {
            let path = rule.path.replacing("{", with: "").replacing("}", with: "")
            let answer = try await ask(.get, path, of: server)
            #expect(answer.status == .notFound, "\(path)")
            #expect(answer.json?["code"] == "not_found")
        }
        for path in ["/metrics/", "//metrics", "/livez/x", "/metricsx"] {
            #expect(try await ask(.get, path, of: server).status == .notFound, "\(path)")
        }
        for path in ["/metrics", "/livez", "/readyz"] {
            let answer = try await ask(.post, path, of: server)
            #expect(answer.status == .methodNotAllowed)
            #expect(answer.headers[.allow] == "GET, HEAD")
        }
    }
}
