// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Keys and routes") struct RouteTableTests {
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
            (.post, "/ofrep/v1/evaluate/flags", .server, 429),
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
