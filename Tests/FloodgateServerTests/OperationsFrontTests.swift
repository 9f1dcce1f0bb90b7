// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateIngest
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
        let paths = ["/metrics", "/livez", "/readyz", "/readyz/intake"]
        for rule in RouteRules.all where !paths.contains(rule.path) {
            let path = rule.path.replacing("{", with: "").replacing("}", with: "")
            let answer = try await ask(.get, path, of: server)
            #expect(answer.status == .notFound, "\(path)")
            #expect(answer.json?["code"] == "not_found")
        }
        for path in ["/metrics/", "//metrics", "/livez/x", "/metricsx", "/readyz/", "/readyz/intake/"] {
            #expect(try await ask(.get, path, of: server).status == .notFound, "\(path)")
        }
        for path in paths {
            let answer = try await ask(.post, path, of: server)
            #expect(answer.status == .methodNotAllowed)
            #expect(answer.headers[.allow] == "GET, HEAD")
        }
    }

    /// EV-8: not ready for events, and configuration goes on.
    @Test(arguments: [
        (EventLogError.Code.storage, "storage_failed"), (.full, "storage_full"), (.unreplicated, "not_replicated"),
        (.closed, "closing"),
    ])
    func `sends events elsewhere while none can be kept, and nothing else`(
        code: EventLogError.Code,
        reason: String
    ) async throws {
        let server = try await TestServer()
        server.log.fail(with: EventLogError(code, "as the test wants it"))
        #expect(try await ask(.get, "/readyz", of: server).status == .ok)
        for answer in [
            try await ask(.get, "/readyz/intake", of: server), try await server.send(.get, "/readyz/intake"),
        ] {
            #expect(answer.status == .serviceUnavailable)
            #expect(answer.text == reason + "\n")
        }
        let specs = try await server.send(.get, "/v2/download_config_specs", key: .server)
        #expect(specs.status == .ok)
        server.log.fail(with: nil)
        #expect(try await server.send(.get, "/readyz/intake").text == "ok\n")
    }

    @Test func `sends events elsewhere when the quota of the log is used up, not when the log is busy`() async throws {
        let server = try await TestServer()
        server.log.fill = 0.94
        #expect(try await ask(.get, "/readyz/intake", of: server).status == .ok)
        server.log.fill = 0.95
        #expect(try await ask(.get, "/readyz/intake", of: server).text == "storage_full\n")
        server.log.fill = 0
        server.log.fail(with: EventLogError(.overloaded, "busy"))
        #expect(try await ask(.get, "/readyz/intake", of: server).status == .ok)
    }
}
