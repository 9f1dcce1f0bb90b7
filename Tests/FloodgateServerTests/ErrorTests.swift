// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Errors") struct ErrorTests {
    @Test(arguments: [
        "/nope", "/v1", "/v1/nope", "/console/v1/nope", "/v1/download_config_specs/a/b", "/v3/download_config_specs",
    ])
    func `say that there is no such route`(path: String) async throws {
        let answer = try await TestServer().send(.get, path, key: .server)
        #expect(answer.status == .notFound)
        #expect(answer.json?["status"] == 404)
        #expect(answer.headers[.requestID] != nil)
        #expect(answer.json?["request_id"]?.stringValue == answer.headers[.requestID])
        #expect(answer.headers[.cacheControl] == "no-store")
    }

    @Test(
        arguments: [
            (.delete, "/v1/download_config_specs", "GET, HEAD, OPTIONS, POST"),
            (.get, "/v1/log_event", "OPTIONS, POST"),
            (.put, "/v1/get_id_lists", "GET, HEAD, POST"), (.post, "/livez", "GET, HEAD"),
            (.post, "/console/v1/gates/x/enable", "PUT"), (.delete, "/console/v1/gates/x", "GET, HEAD, PATCH"),
        ] as [(HTTPRequest.Method, String, String)]
    )
    func `name the methods that a route takes`(method: HTTPRequest.Method, path: String, allowed: String) async throws {
        let answer = try await TestServer().send(method, path)
        #expect(answer.status == .methodNotAllowed)
        #expect(answer.headers[.allow] == allowed)
        #expect(answer.json?["status"] == 405)
    }

    @Test func `tell probes how things are`() async throws {
        let server = try await TestServer()
        #expect(try await server.send(.get, "/livez").text == "ok\n")
        #expect(try await server.send(.get, "/readyz").status == .ok)
        #expect(try await server.send(.head, "/readyz").status == .ok)
    }

    @Test func `count what is refused by its reason, and show no key`() async throws {
        let server = try await TestServer()
        let key = server.key(.server)
        _ = try await server.send(.get, "/v2/download_config_specs/\(key).json")
        _ = try await server.send(.get, "/v2/download_config_specs/secret-unknown.json")
        _ = try await server.send(.get, "/some/\(key)")
        let text = try await server.send(.get, "/metrics").text
        #expect(text.contains(#"auth_failures_total{reason="unknown"} 1"#))
        #expect(text.contains(#"config_version{env="production"}"#))
        #expect(text.contains(#"http_concurrency_limit{class="console"}"#))
        #expect(!text.contains("secret-"))
    }
}
