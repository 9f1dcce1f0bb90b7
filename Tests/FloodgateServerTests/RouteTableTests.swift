// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Keys and routes") struct RouteTableTests {
    /// What a request shows.
    private enum Shown: String, CaseIterable {
        case server, client, console, revokedServer, revokedClient, revokedConsole, unknown, nothing
    }

    @Test func `every route lets in the keys that the table names, and nobody else`() async throws {
        let server = try await TestServer { $0.failedRequests = .init(perSecond: 10_000, burst: 10_000) }
        var keys = server.keys
        // One more of each kind, withdrawn again.
        var revoked: [KeyKind: String] = [:]
        for kind in KeyKind.allCases {
            let key = try await server.server.control.createKey(
                kind,
                environment: "production",
                by: Change(actor: "test")
            )
            try await server.server.control.deactivateKey(key.key, by: Change(actor: "test"))
            revoked[kind] = key.key
            if keys[kind] == nil {
                keys[kind] = try await server.server.control.createKey(
                    kind,
                    environment: "production",
                    by: Change(actor: "test")
                ).key
            }
        }
        try await server.publish()
        var asked = 0
        for rule in RouteRules.all {
            for method in rule.methods {
                for shown in Shown.allCases {
                    let text: String? =
                        switch shown {
                        case .server: keys[.server]
                        case .client: keys[.client]
                        case .console: keys[.console]
                        case .revokedServer: revoked[.server]
                        case .revokedClient: revoked[.client]
                        case .revokedConsole: revoked[.console]
                        case .unknown: "secret-nobody-knows-this-one"
                        case .nothing: nil
                        }
                    var headers: HTTPFields = [:]
                    if let text { headers[HTTPField.Name("statsig-api-key")!] = text }
                    let path = rule.path.replacing("{key}", with: "").replacing("/{", with: "/x-{")
                        .replacing("{", with: "").replacing("}", with: "")
                    let answer = try await server.send(
                        HTTPRequest.Method(method)!,
                        path,
                        headers: headers,
                        bytes: method == "GET" ? nil : Array("{}".utf8)
                    )
                    let status = answer.status.code
                    let isRefused = status == 401 || status == 403
                    asked += 1
                    switch rule.kinds {
                    case nil: #expect(!isRefused, "\(method) \(path) \(shown): \(status)")
                    case let kinds?:
                        let isLetIn = KeyKind(rawValue: shown.rawValue).map { kinds.contains($0) } ?? false
                        #expect(isRefused != isLetIn, "\(method) \(path) \(shown): \(status)")
                    }
                }
            }
        }
        #expect(asked > 300)
    }

    @Test func `whoever shows too many bad keys is told to wait, and good keys go on`() async throws {
        let server = try await TestServer { $0.failedRequests = .init(perSecond: 0.001, burst: 3) }
        var statuses: [Int] = []
        for _ in 0..<5 {
            let answer = try await server.send(.get, "/v1/get_id_lists/secret-unknown")
            statuses.append(answer.status.code)
            if answer.status == .tooManyRequests { #expect(Int(answer.headers[.retryAfter] ?? "") ?? 0 >= 1) }
        }
        #expect(statuses == [403, 403, 403, 429, 429])
        #expect(try await server.send(.get, "/v1/get_id_lists", key: .server).status == .ok)
    }

    @Test func `too many requests with one key get 503 where SDKs would drop events, and 429 elsewhere`() async throws {
        let server = try await TestServer { $0.requestsPerKey = .init(perSecond: 0.001, burst: 2) }
        for (method, path, kind, status) in [
            (.post, "/v1/initialize", .client, 503), (.get, "/console/v1/gates", .console, 429),
        ] as [(HTTPRequest.Method, String, KeyKind, Int)] {
            let body = method == .post ? "{}" : nil
            for left in [1, 0] {
                let answer = try await server.send(method, path, key: kind, body: body)
                #expect(answer.status == .ok)
                let limit = answer.headers[HTTPField.Name("ratelimit")!]
                #expect(limit == (status == 429 ? "\"default\";r=\(left);t=0" : nil))
            }
            let answer = try await server.send(method, path, key: kind, body: body)
            #expect(answer.status.code == status)
            #expect(answer.json?["code"] == "rate_limited")
            #expect(Int(answer.headers[.retryAfter] ?? "") ?? 0 >= 1)
            #expect((answer.headers[HTTPField.Name("ratelimit")!] != nil) == (status == 429))
        }
    }

    @Test func `every route of the router is in the table, with its methods`() async throws {
        let server = try await TestServer()
        let table = Dictionary(RouteRules.all.map { ($0.path, Set($0.methods)) }) { $0.union($1) }
        for route in server.server.routerRoutes {
            let methods = table[route.path]
            #expect(methods?.contains(route.method) == true, "\(route.method) \(route.path)")
        }
        #expect(server.server.routerRoutes.count >= 50)
    }
}
