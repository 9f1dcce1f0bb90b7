// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Keys") struct KeyTests {
    /// A route, the kinds that may use it, and what becomes of an unknown key.
    static let routes: [(method: HTTPRequest.Method, path: String, kinds: Set<KeyKind>, unknown: Int)] = [
        (.get, "/v1/download_config_specs", [.server], 403), (.get, "/v2/download_config_specs", [.server], 403),
        (.post, "/v2/download_config_specs", [.server], 403), (.get, "/v1/get_id_lists", [.server], 403),
        (.post, "/v1/get_id_lists", [.server], 403), (.get, "/v1/download_id_list_file/x", [.server], 403),
        (.post, "/v1/log_event", [.server, .client], 401), (.post, "/v1/rgstr", [.server, .client], 401),
        (.post, "/v1/initialize", [.server, .client], 401), (.post, "/v1/check_gate", [.server, .client], 401),
        (.post, "/v1/get_config", [.server, .client], 401), (.post, "/v1/get_layer", [.server, .client], 401),
        (.post, "/v1/sdk_exception", [.server, .client], 401), (.get, "/console/v1/gates", [.console], 401),
        (.get, "/console/v1/gates/new_checkout", [.console], 401),
        (.put, "/console/v1/gates/new_checkout/enable", [.console], 401),
        (.patch, "/console/v1/gates/new_checkout", [.console], 401),
    ]

    @Test(arguments: 0..<routes.count)
    func `open only the routes of their kind`(index: Int) async throws {
        let route = Self.routes[index]
        let server = try await TestServer()
        let missing = try await server.send(route.method, route.path)
        #expect(missing.status == .unauthorized)
        #expect(missing.headers[.wwwAuthenticate] != nil)
        let unknown = try await server.send(route.method, route.path, headers: [.sdkKey: "secret-nobody"])
        #expect(unknown.status.code == route.unknown)
        for kind in KeyKind.allCases {
            let answer = try await server.send(route.method, route.path, key: kind)
            if route.kinds.contains(kind) {
                #expect(![401, 403].contains(answer.status.code), "\(route.path) with a \(kind) key")
            } else {
                #expect(answer.status == .forbidden, "\(route.path) with a \(kind) key")
            }
        }
    }

    @Test func `end to work when they are revoked, and begin when they are made`() async throws {
        let server = try await TestServer()
        let change = Change(actor: "test")
        let key = try await server.server.control.createKey(.server, environment: "production", by: change).key
        #expect(try await server.send(.get, "/v2/download_config_specs/\(key).json").status == .forbidden)
        try await server.publish()
        #expect(try await server.send(.get, "/v2/download_config_specs/\(key).json").status == .ok)
        try await server.server.control.deactivateKey(key, by: change)
        try await server.publish()
        #expect(try await server.send(.get, "/v2/download_config_specs/\(key).json").status == .forbidden)
    }

    @Test func `are taken from the header before the query before the path`() async throws {
        let server = try await TestServer()
        let key = server.key(.server)
        let path = "/v2/download_config_specs"
        #expect(try await server.send(.get, "\(path)/bad.json?k=bad", key: .server).status == .ok)
        #expect(try await server.send(.get, "\(path)/bad.json?k=\(key)").status == .ok)
        #expect(try await server.send(.get, "\(path)/\(key).json?k=bad").status == .forbidden)
        #expect(try await server.send(.get, "\(path)/\(key).json", headers: [.sdkKey: "bad"]).status == .forbidden)
        #expect(try await server.send(.get, "\(path)/\(key).json", headers: [.sdkKey: ""]).status == .ok)
    }

    @Test func `never come back in an error`() async throws {
        let server = try await TestServer()
        let answer = try await server.send(.get, "/v2/download_config_specs/secret-guess.json")
        #expect(answer.status == .forbidden)
        #expect(!answer.text.contains("secret-guess"))
        #expect(answer.json?["status"] == 403)
        #expect(answer.json?["message"]?.stringValue != nil)
        #expect(answer.headers[.cacheControl] == "no-store")
    }
}
