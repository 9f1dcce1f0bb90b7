// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvents
import FloodgateGzip
import FloodgateIngest
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Event routes") struct EventRouteTests {
    private static let body =
        #"{"events":[{"eventName":"purchase","time":1750000361000,"user":{"userID":"u"},"value":1}],"statsigMetadata":{}}"#

    @Test(arguments: ["log_event", "rgstr"], [KeyKind.server, .client])
    func `take a batch and say so when it is kept`(route: String, kind: KeyKind) async throws {
        let server = try await TestServer()
        let answer = try await server.send(.post, "/v1/\(route)", key: kind, body: Self.body)
        #expect(answer.status == .accepted)
        #expect(answer.json?["success"] == true)
        let batches = try await server.log.read(after: 0, limit: 10)
        #expect(batches.count == 1)
        #expect(batches.first?.keyKind == kind.rawValue)
        #expect(batches.first?.environment == "production")
        #expect(try batches.first?.unpack().events.first?.name == "purchase")
    }

    @Test func `take what browsers send`() async throws {
        let server = try await TestServer()
        let key = server.key(.client)
        let packed = try Gzip.compress(Array(Self.body.utf8))
        let answers = [
            try await server.send(.post, "/v1/rgstr?k=\(key)&gz=1&st=js&sv=3&t=1&sid=s&ec=1", bytes: packed),
            try await server.send(
                .post,
                "/v1/rgstr?k=\(key)",
                headers: [.contentType: "text/plain;charset=UTF-8"],
                body: Self.body
            ),
            try await server.send(.post, "/v1/rgstr?k=\(key)", headers: [.contentEncoding: "gzip"], bytes: packed),
        ]
        for answer in answers { #expect(answer.status == .accepted) }
        #expect(try await server.log.counts().events == 3)
    }

    @Test(
        arguments: [
            ("nope", nil, 400), ("[1]", nil, 400), (#"{"events":1}"#, nil, 400), (#"{"events":["#, nil, 400),
            (Self.body, "br", 415), (Self.body, "gzip", 202), ("\u{1F}\u{8B}", "gzip", 400),
        ] as [(String, String?, Int)]
    )
    func `refuse what cannot be read`(body: String, encoding: String?, status: Int) async throws {
        let server = try await TestServer()
        var headers: HTTPFields = [:]
        if let encoding { headers[.contentEncoding] = encoding }
        let answer = try await server.send(.post, "/v1/log_event", key: .server, headers: headers, body: body)
        if status != 202 {
            #expect(answer.status.code == status)
            #expect(answer.json?["status"]?.integerValue == Int64(status))
            #expect(try await server.log.counts().batches == 0)
        }
    }

    @Test func `refuse too much, by the announced length alone`() async throws {
        let server = try await TestServer()
        let bytes = [UInt8](repeating: 0x20, count: (10 << 20) + 1)
        let answer = try await server.send(.post, "/v1/log_event", key: .server, bytes: bytes)
        #expect(answer.status == .contentTooLarge)
        #expect(answer.json?["status"] == 413)
    }

    @Test func `refuse as too much what no memory could ever hold, not as too much for now`() async throws {
        let server = try await TestServer()
        let answer = try await server.send(
            .post,
            "/v1/log_event",
            key: .server,
            headers: [.contentLength: "1099511627776"],
            body: "{}"
        )
        #expect(answer.status == .contentTooLarge)
    }

    @Test func `answer 503 while the log cannot keep anything`() async throws {
        let server = try await TestServer()
        server.log.fail(with: EventLogError(.full, "The disk is full"))
        let answer = try await server.send(.post, "/v1/log_event", key: .server, body: Self.body)
        #expect(answer.status == .serviceUnavailable)
        #expect(answer.headers[.retryAfter] != nil)
        #expect(answer.json?["success"] == false)
    }

    @Test func `let pages of any origin send`() async throws {
        let server = try await TestServer()
        let headers: HTTPFields = [.origin: "https://shop.example", .accessControlRequestMethod: "POST"]
        for path in ["rgstr", "log_event", "initialize"] {
            let answer = try await server.send(.options, "/v1/\(path)", headers: headers)
            #expect(answer.status == .noContent)
            #expect(answer.headers[.accessControlAllowOrigin] == "*")
            #expect(answer.headers[.accessControlAllowMethods]?.contains("POST") == true)
            #expect(answer.headers[.accessControlAllowHeaders]?.contains("statsig-api-key") == true)
            #expect(answer.headers[.accessControlMaxAge] != nil)
        }
        let sent = try await server.send(
            .post,
            "/v1/rgstr",
            key: .client,
            headers: [.origin: "https://shop.example"],
            body: Self.body
        )
        #expect(sent.headers[.accessControlAllowOrigin] == "*")
        let refused = try await server.send(
            .post,
            "/v1/rgstr",
            headers: [.origin: "https://shop.example"],
            body: Self.body
        )
        #expect(refused.status == .unauthorized)
        #expect(refused.headers[.accessControlAllowOrigin] == "*", "or the page cannot read why")
    }
}
