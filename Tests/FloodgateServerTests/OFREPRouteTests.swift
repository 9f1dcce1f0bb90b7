// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs
import HTTPTypes
import Hummingbird
import Testing

@Suite("OpenFeature's remote evaluation: one flag") struct OFREPRouteTests {
    private static func ask(
        _ server: TestServer,
        _ key: String,
        _ context: String? = #"{"targetingKey":"u-1"}"#,
        _ kind: KeyKind = .server,
        headers: HTTPFields = [:]
    ) async throws -> TestResponse {
        try await server.send(
            .post,
            "/ofrep/v1/evaluate/flags/" + key,
            key: kind,
            headers: headers,
            body: context.map { "{\"context\":\($0)}" }
        )
    }

    @Test(
        arguments: [
            ("free_returns", true, "on", "STATIC"), ("pay_later", false, "off", "DISABLED"),
            ("catalog_page", ["page_size": 24, "columns": 3, "show_stock": false], "default", "DEFAULT"),
            ("catalog_page.page_size", 24, "default", "DEFAULT"),
            ("checkout_copy", ["title": "Buy now", "show_guarantee": false], "Control", "SPLIT"),
            ("checkout_copy.title", "Buy now", "Control", "SPLIT"),
        ] as [(String, JSONValue, String, String)]
    )
    func `is what it is, in OpenFeature's words`(key: String, value: JSONValue, variant: String, reason: String)
        async throws
    {
        let server = try await TestServer()
        _ = try await server.server.control.setGate("pay_later", enabled: false, by: Change(actor: "test"))
        try await server.publish()
        let answer = try await Self.ask(server, key)
        #expect(answer.status == .ok)
        #expect(answer.headers[.contentType] == "application/json")
        #expect(answer.headers[.cacheControl] == "no-store")
        #expect(answer.json?.objectValue?.names.sorted() == ["key", "metadata", "reason", "value", "variant"])
        #expect(answer.json?["key"]?.stringValue == key)
        #expect(answer.json?["value"] == value)
        #expect(answer.json?["variant"]?.stringValue == variant)
        #expect(answer.json?["reason"]?.stringValue == reason)
        let metadata = answer.json?["metadata"]
        #expect(metadata?["ruleID"]?.stringValue?.isEmpty == false)
        #expect(metadata?["version"]?.integerValue == (key == "pay_later" ? 2 : 1))
        let time = try await server.server.control.currentDocument(environment: "production").document.time
        #expect(metadata?["lcut"]?.integerValue == Int64(time))
    }

    @Test func `may be a layer, or a parameter of one`() async throws {
        let server = try await TestServer()
        let layer = try await Self.ask(server, "search_page")
        #expect(layer.json?["value"]?.objectValue?.names.sorted() == ["instant_results", "ranking", "suggestions"])
        #expect(layer.json?["reason"] == "SPLIT")
        let parameter = try await Self.ask(server, "search_page.suggestions")
        #expect(parameter.json?["value"] == layer.json?["value"]?["suggestions"])
        #expect(parameter.json?["variant"] == layer.json?["variant"])
    }

    @Test(arguments: [nil, "{}", "null", #"{"targetingKey":null}"#])
    func `needs no targeting key`(context: String?) async throws {
        let server = try await TestServer()
        #expect(try await Self.ask(server, "free_returns", context).json?["value"] == true)
        #expect(try await Self.ask(server, "free_returns", context, .client).json?["value"] == true)
        let blank = try await server.send(.post, "/ofrep/v1/evaluate/flags/free_returns", key: .client, body: "{}")
        #expect(blank.json?["value"] == true)
    }

    @Test func `sees the context's attributes as the user's`() async throws {
        let server = try await TestServer()
        let gold = #"{"targetingKey":"u-1","membership":"gold"}"#
        let answer = try await Self.ask(server, "catalog_page.page_size", gold)
        #expect(answer.json?["value"] == 48)
        #expect(answer.json?["reason"] == "TARGETING_MATCH")
    }

    @Test func `keeps numbers as they are written, and leaves out what is null`() async throws {
        let server = try await TestServer()
        try server.serve(FlagDocument.make())
        func text(_ parameter: String) async throws -> String { try await Self.ask(server, "types." + parameter).text }
        #expect(try await text("integer").contains("\"value\":2,"))
        #expect(try await text("whole").contains("\"value\":2.0,"))
        #expect(try await text("double").contains("\"value\":2.5,"))
        #expect(try await text("list").contains("\"value\":[1],"))
        let nothing = try await Self.ask(server, "types.nothing")
        #expect(nothing.status == .ok)
        #expect(nothing.json?["value"] == nil)
        #expect(nothing.json?["reason"] == "DEFAULT")
    }

    @Test func `asks for the client's browser where the client is one, and never where it is a server`() async throws {
        let server = try await TestServer()
        try server.serve(FlagDocument.make())
        let firefox: HTTPFields = [
            .userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
        ]
        #expect(try await Self.ask(server, "browser", "{}", .client, headers: firefox).json?["value"] == true)
        #expect(try await Self.ask(server, "browser", "{}", .server, headers: firefox).json?["value"] == false)
        let other = #"{"userAgent":"curl/8"}"#
        #expect(try await Self.ask(server, "browser", other, .client, headers: firefox).json?["value"] == false)
    }

    @Test(
        arguments: [
            ("none", "{}", 404, "FLAG_NOT_FOUND"), ("checkout_copy.none", "{}", 404, "FLAG_NOT_FOUND"),
            ("free_returns", "[]", 400, "INVALID_CONTEXT"), ("free_returns", "1", 400, "INVALID_CONTEXT"),
            ("free_returns", #"{"targetingKey":1}"#, 400, "INVALID_CONTEXT"),
            ("free_returns", #"{"customIDs":[]}"#, 400, "INVALID_CONTEXT"),
            ("free_returns", #"{"email":{}}"#, 400, "INVALID_CONTEXT"), ("free_returns", "{", 400, "PARSE_ERROR"),
        ] as [(String, String, Int, String)]
    )
    func `has errors in OFREP's form`(key: String, context: String, status: Int, code: String) async throws {
        let server = try await TestServer()
        let answer = try await Self.ask(server, key, context)
        #expect(answer.status.code == status)
        #expect(answer.headers[.contentType] == "application/json")
        #expect(answer.headers[.cacheControl] == "no-store")
        #expect(answer.json?.objectValue?.names == ["key", "errorCode", "errorDetails"])
        #expect(answer.json?["key"]?.stringValue == key)
        #expect(answer.json?["errorCode"]?.stringValue == code)
        #expect(answer.json?["errorDetails"]?.stringValue?.isEmpty == false)
    }

    @Test func `is a parse error where the specs ask for what nobody knows`() async throws {
        let server = try await TestServer()
        try server.serve(FlagDocument.make())
        let answer = try await Self.ask(server, "odd", #"{"x":1}"#)
        #expect(answer.status == .badRequest)
        #expect(answer.json?["errorCode"] == "PARSE_ERROR")
    }

    @Test(arguments: ["", "[]", "\"context\"", "{\"context\":{}} "])
    func `wants a JSON object or nothing`(body: String) async throws {
        let server = try await TestServer()
        let answer = try await server.send(.post, "/ofrep/v1/evaluate/flags/free_returns", key: .client, body: body)
        let isGood = body.isEmpty || body.first == "{"
        #expect(answer.status.code == (isGood ? 200 : 400))
        if !isGood { #expect(answer.json?["errorCode"] == "PARSE_ERROR") }
    }

    @Test func `leaves errors that are not OFREP's in the form of all routes`() async throws {
        let server = try await TestServer()
        let path = "/ofrep/v1/evaluate/flags/free_returns"
        for (headers, body, status) in [
            ([:], "{}", 401), ([.sdkKey: server.key(.console)], "{}", 403),
            ([.sdkKey: server.key(.client), .contentType: "text/plain"], "{}", 415),
            ([.sdkKey: server.key(.client), .contentEncoding: "gzip"], "{}", 415),
            ([.sdkKey: server.key(.client)], String(repeating: " ", count: 1 << 20 + 1), 413),
        ] as [(HTTPFields, String, Int)] {
            let answer = try await server.send(.post, path, headers: headers, body: body)
            #expect(answer.status.code == status)
            #expect(answer.headers[.contentType] == "application/problem+json")
            if status == 401 { #expect(answer.headers[.wwwAuthenticate] == "Bearer realm=\"floodgate\"") }
        }
        #expect(try await server.send(.get, path, key: .client).headers[.allow] == "OPTIONS, POST")
    }

    @Test func `of a fault of our own says that it is one, and no more`() throws {
        struct Fault: Error {}
        let failure = try #require(FlagFailure(Fault(), key: "flag"))
        #expect(failure.response.status == .internalServerError)
        #expect(failure.object.names == ["errorDetails"])
        #expect(FlagFailure(CancellationError(), key: "flag") == nil)
        #expect(FlagFailure(ServerError(.unavailable, "Later"), key: "flag") == nil)
    }

    @Test func `has its key decoded from the path, and an SDK's key is not said again`() async throws {
        let server = try await TestServer()
        #expect(try await Self.ask(server, "free%5Freturns").json?["value"] == true)
        #expect(try await Self.ask(server, "a%2Fb%20c").json?["key"] == "a/b c")
        let answer = try await Self.ask(server, server.key(.server))
        #expect(answer.status == .notFound)
        #expect(answer.json?["key"] == "secret-redacted")
    }

    @Test func `is kept as an exposure, a whole layer as one for each parameter`() async throws {
        let server = try await TestServer()
        for key in [
            "free_returns", "checkout_copy.title", "search_page.ranking", "search_page", "none", "catalog_page",
        ] {
            _ = try await Self.ask(server, key)
        }
        let batches = try await server.log.read(after: 0, limit: 10)
        #expect(batches.map(\.exposureCount) == [1, 1, 1, 3, 1])
        #expect(batches.allSatisfy { $0.keyKind == "server" && $0.environment == "production" })
        let events = try batches.flatMap { try $0.unpack().events }
        let exposures = events.compactMap { Exposure($0) }
        #expect(
            exposures.map(\.name) == ["free_returns", "checkout_copy"] + Array(repeating: "search_page", count: 4) + [
                "catalog_page"
            ]
        )
        #expect(exposures.allSatisfy { $0.unitID == "u-1" && $0.reason == "Network:Recognized" })
        let parameters = exposures.compactMap { exposure -> String? in
            guard case .layer(let parameter, let experiment, let isExplicit) = exposure.kind else { return nil }
            #expect((experiment != nil) == isExplicit)
            return parameter
        }
        #expect(parameters == ["ranking", "ranking", "suggestions", "instant_results"])
        #expect(try batches.first?.unpack().statsigMetadata?["sdkType"] == "ofrep")
    }

    @Test func `counts as an evaluation, not as a change to the project`() async throws {
        let server = try await TestServer()
        var statuses: Set<Int> = []
        for _ in 0..<150 { statuses.insert(try await Self.ask(server, "none", "{}", .client).status.code) }
        #expect(statuses == [404])
    }
}
