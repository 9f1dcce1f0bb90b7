// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Console access") struct ConsoleAccessTests {
    @Test func `is free on the machine itself`() async throws {
        let server = try await TestServer()
        #expect(try await server.send(.get, "/").status == .ok)
        #expect(try await server.send(.get, "/metrics").status == .ok)
    }

    @Test func `needs a console key from elsewhere`() async throws {
        let server = try await TestServer { $0.listen = ListenAddress(host: "0.0.0.0", port: 8080) }
        for path in ["/", "/console/live", "/metrics"] {
            let answer = try await server.send(.get, path)
            #expect(answer.status == .unauthorized)
            #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Basic ") == true)
        }
        for (password, status) in [(server.key(.console), 200), (server.key(.server), 401), ("", 401)] {
            let headers: HTTPFields = [.authorization: "Basic " + Self.base64("ana:" + password)]
            #expect(try await server.send(.get, "/metrics", headers: headers).status.code == status)
        }
        for header in ["Basic", "Basic !", "Bearer x", "Basic " + Self.base64("no colon")] {
            #expect(try await server.send(.get, "/metrics", headers: [.authorization: header]).status == .unauthorized)
        }
        #expect(try await server.send(.get, "/livez").status == .ok, "probes have no key")
    }

    @Test func `tells an address to wait that tries too many passwords, and lets the right one in`() async throws {
        let server = try await TestServer {
            $0.listen = ListenAddress(host: "0.0.0.0", port: 8080)
            $0.failedRequests = .init(perSecond: 0.001, burst: 5)
        }
        func status(_ password: String) async throws -> Int {
            let headers: HTTPFields = [.authorization: "Basic " + Self.base64("ana:" + password)]
            let answer = try await server.send(.get, "/metrics", headers: headers)
            if answer.status == .tooManyRequests { #expect(answer.headers[.retryAfter] != nil) }
            return answer.status.code
        }
        var statuses: [Int] = []
        for round in 0..<8 { statuses.append(try await status("wrong-\(round)")) }
        #expect(statuses == [401, 401, 401, 401, 401, 429, 429, 429])
        #expect(try await status(server.key(.console)) == 200)
    }

    @Test(
        arguments: [
            ("same-origin", nil, 303), ("none", nil, 303), ("cross-site", nil, 403), ("same-site", nil, 403),
            (nil, "http://localhost", 303), (nil, "http://evil.example", 403), (nil, "null", 403),
            (nil, "http://localhost:81", 403), (nil, nil, 303),
        ] as [(String?, String?, Int)]
    )
    func `does nothing that another site asks for`(site: String?, origin: String?, status: Int) async throws {
        let server = try await TestServer()
        var headers: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        if let site { headers[.fetchSite] = site }
        if let origin { headers[.origin] = origin }
        let answer = try await server.send(
            .post,
            "/gates/new_checkout/toggle",
            headers: headers,
            body: "enabled=false&reason=test"
        )
        #expect(answer.status.code == status)
        let gate = try await server.server.control.entity(.gate, "new_checkout")
        #expect(gate.isEnabled == (status == 403))
    }

    @Test(arguments: [
        ("localhost", true), ("LOCALHOST:8080", true), ("app.localhost:1", true), ("127.0.0.1:8080", true),
        ("127.9.9.9", true), ("[::1]:8080", true), ("localhost.", true), ("evil.example", false),
        ("127.0.0.1.evil.example", false),
        ("localhost.evil.example:8080", false), ("10.0.0.1", false), ("[::2]:80", false), ("", false),
        ("127.0.0.256", false),
        ("127.1", false),
    ])
    func `knows the machine's own names`(authority: String, isLoopback: Bool) {
        #expect(LoopbackName.isLoopback(authority: authority) == isLoopback)
    }

    static func base64(_ text: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var output = ""
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let group = Array(bytes.prefix(3))
            bytes = bytes.dropFirst(3)
            let bits = group.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
            for index in 0..<4 { output.append(index <= group.count ? alphabet[bits >> (18 - 6 * index) & 63] : "=") }
        }
        return output
    }
}
