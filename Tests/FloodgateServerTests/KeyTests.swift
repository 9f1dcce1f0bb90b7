// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Keys") struct KeyTests {
    @Test func `end to work when they are revoked, and begin when they are made`() async throws {
        let server = try await TestServer()
        let change = Change(actor: "test")
        let key = try await server.server.control.createKey(.server, environment: "production", by: change).text
        #expect(try await server.send(.get, "/v2/download_config_specs/\(key).json").status == .forbidden)
        try await server.publish()
        #expect(try await server.send(.get, "/v2/download_config_specs/\(key).json").status == .ok)
        try await server.server.control.revokeKey(key, by: change)
        try await server.publish()
        #expect(try await server.send(.get, "/v2/download_config_specs/\(key).json").status == .forbidden)
    }

    @Test func `end to work when their time is up, though nothing was changed`() async throws {
        let server = try await TestServer()
        let key = try await server.server.control.createKey(
            .server,
            environment: "production",
            lifetime: 60_000,
            by: Change(actor: "test")
        ).text
        try await server.publish()
        server.clock.advance(milliseconds: 59_999)
        try await server.publish()
        #expect(try await server.send(.get, "/v2/download_config_specs/\(key).json").status == .ok)
        server.clock.advance(milliseconds: 1)
        try await server.publish()
        #expect(try await server.send(.get, "/v2/download_config_specs/\(key).json").status == .forbidden)
        #expect(try await server.send(.get, "/v2/download_config_specs", key: .server).status == .ok)
    }

    @Test(.timeLimit(.minutes(1)))
    func `end what they opened without an end when they are revoked`() async throws {
        let server = try await TestServer { $0.listen = ListenAddress(host: "0.0.0.0", port: 8080) }
        let headers: HTTPFields = [.authorization: "Basic " + ConsoleAccessTests.base64("ana:\(server.key(.console))")]
        let answer = try await server.open(.get, "/console/live", headers: headers)
        #expect(answer.head.status == .ok)
        guard case .parts(nil, let produce) = answer.body else {
            Issue.record("The console's stream has an end")
            return
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await produce(CollectingWriter()) }
            try await server.server.control.revokeKey(server.key(.console), by: Change(actor: "test"))
            try await server.publish()
            try await group.waitForAll()
        }
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
