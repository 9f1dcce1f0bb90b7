// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateIngest
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("OpenFeature's remote evaluation: all flags") struct OFREPBulkTests {
    private static func ask(
        _ server: TestServer,
        _ context: String = #"{"targetingKey":"u-1"}"#,
        _ kind: KeyKind = .client,
        ifNoneMatch tag: String? = nil,
        path: String = "/ofrep/v1/evaluate/flags"
    ) async throws -> TestResponse {
        var headers: HTTPFields = [:]
        headers[.ifNoneMatch] = tag
        return try await server.send(.post, path, key: kind, headers: headers, body: "{\"context\":\(context)}")
    }

    private static func flags(_ answer: TestResponse) throws -> [String: JSONValue] {
        let list = try #require(answer.json?["flags"]?.arrayValue)
        let pairs = list.map { ($0["key"]?.stringValue ?? "", $0) }
        let flags = Dictionary(pairs) { first, _ in first }
        #expect(flags.count == list.count, "a key stands there once")
        return flags
    }

    @Test(arguments: [#"{}"#, #"{"targetingKey":"u-1"}"#, #"{"targetingKey":"u-7","membership":"gold"}"#])
    func `are those that one finds by asking for each`(context: String) async throws {
        let server = try await TestServer()
        _ = try await server.server.control.setGate("pay_later", enabled: false, by: Change(actor: "test"))
        try await server.publish()
        let answer = try await Self.ask(server, context)
        #expect(answer.status == .ok)
        let flags = try Self.flags(answer)
        let entities = try await server.server.control.entities().filter {
            ![.segment, .holdout].contains($0.kind)
        }
        #expect(entities.count == 16)
        for entity in entities { #expect(flags[entity.name] != nil, "\(entity.name)") }
        for (key, flag) in flags {
            let one = try await server.send(
                .post,
                "/ofrep/v1/evaluate/flags/" + key,
                key: .client,
                body: "{\"context\":\(context)}"
            )
            #expect(one.json == flag, "\(key)")
        }
        #expect(flags["pay_later"]?["reason"] == "DISABLED", "what is off is there, too")
        #expect(flags["search_page.suggestions"] != nil)
        #expect(!flags.keys.contains { $0.hasPrefix("segment:") || $0.contains("holdout") })
    }

    @Test func `keep to the order in which names are looked for`() async throws {
        let server = try await TestServer()
        try server.serve(FlagDocument.make())
        let flags = try Self.flags(try await Self.ask(server, #"{"x":1}"#))
        #expect(flags["checkout"]?["value"] == true, "the gate, not the config of that name")
        #expect(flags["checkout.title"]?["value"] == "Buy")
        #expect(flags["a.b"]?["value"] == ["c": "of a.b"])
        #expect(flags["a.b.c"]?["value"] == "of a.b")
        #expect(flags["a"]?["value"] == ["b.c": "of a", "b": "of a"], "the config, not the layer of that name")
        #expect(flags["a.other"] == nil)
        #expect(flags["odd"]?["errorCode"] == "PARSE_ERROR")
        #expect(flags["odd"]?["value"] == nil)
        #expect(flags["types.nothing"]?["value"] == nil)
        #expect(flags["bandit.colour"]?["value"] == "red")
        #expect(flags["segment:staff"] == nil)
        for (key, flag) in flags {
            let path = "/ofrep/v1/evaluate/flags/" + key
            let one = try await server.send(.post, path, key: .client, body: #"{"context":{"x":1}}"#)
            #expect(one.json == flag, "\(key)")
        }
    }

    @Test func `of a key that belongs to an app are that app's`() async throws {
        let server = try await TestServer()
        var document = try #require(FlagDocument.make().objectValue)
        document["sdk_keys_to_app_ids"] = [server.key(.client): "shop"]
        _ = document.remove("hashed_sdk_keys_to_app_ids")
        var gates = try #require(document["feature_gates"]?.arrayValue)
        for (index, app) in [(0, "shop"), (1, "desk")] {
            var gate = try #require(gates[index].objectValue)
            gate["targetAppIDs"] = [.string(app)]
            gates[index] = .object(gate)
        }
        document["feature_gates"] = .array(gates)
        try server.serve(.object(document))
        #expect(try Self.flags(try await Self.ask(server)).keys.sorted() == ["checkout"])
        #expect(try Self.flags(try await Self.ask(server, "{}", .server)).count > 10, "a server's key sees all")
    }

    @Test func `are none where there are none`() async throws {
        let server = try await TestServer { $0.loadsDemo = false }
        let answer = try await Self.ask(server)
        #expect(answer.status == .ok)
        #expect(answer.json?["flags"] == [])
    }

    @Test func `log no exposures`() async throws {
        let server = try await TestServer()
        _ = try await Self.ask(server)
        #expect(try await server.log.read(after: 0, limit: 10).isEmpty)
    }

    @Test func `are not sent again to who has them, and any difference is a difference`() async throws {
        let server = try await TestServer()
        let context = #"{"targetingKey":"u-1","plan":"pro"}"#
        let first = try await Self.ask(server, context)
        let tag = try #require(first.headers[.eTag])
        #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.count > 20)
        for held in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
            let again = try await Self.ask(server, context, ifNoneMatch: held)
            #expect(again.status == .notModified, "\(held)")
            #expect(again.headers[.eTag] == tag)
            #expect(again.bytes.isEmpty)
        }
        let turned = #"{"plan":"pro","targetingKey":"u-1"}"#
        #expect(try await Self.ask(server, turned, ifNoneMatch: tag).status == .notModified)
        #expect(try await Self.ask(server, context, ifNoneMatch: "\"other\"").status == .ok)
        // Nothing of the demo asks for such a plan, so the flags are the same.
        let other = #"{"targetingKey":"u-1","plan":"free"}"#
        #expect(try await Self.ask(server, other, ifNoneMatch: tag).status == .ok)
        #expect(try await Self.ask(server, context, .server, ifNoneMatch: tag).status == .ok)
        let second = try await server.server.control.createKey(
            .client,
            environment: "production",
            by: Change(actor: "test")
        ).text
        try await server.publish()
        let bySecond = try await server.send(
            .post,
            "/ofrep/v1/evaluate/flags",
            headers: [.sdkKey: second, .ifNoneMatch: tag],
            body: "{\"context\":\(context)}"
        )
        #expect(bySecond.status == .ok)
        server.clock.advance(milliseconds: 1_000)
        _ = try await server.server.control.setGate("free_returns", enabled: false, by: Change(actor: "test"))
        try await server.publish()
        let changed = try await Self.ask(server, context, ifNoneMatch: tag)
        #expect(changed.status == .ok)
        #expect(try Self.flags(changed)["free_returns"]?["reason"] == "DISABLED")
    }

    @Test func `have errors in OFREP's form`() async throws {
        let server = try await TestServer()
        for (context, code) in [("[]", "INVALID_CONTEXT"), ("{", "PARSE_ERROR")] {
            let answer = try await Self.ask(server, context)
            #expect(answer.status == .badRequest)
            #expect(answer.json?.objectValue?.names == ["errorCode", "errorDetails"])
            #expect(answer.json?["errorCode"]?.stringValue == code)
        }
    }

    @Test func `name the stream that tells of changes`() async throws {
        let key = { (server: TestServer) in "?k=" + server.key(.client) }
        for (prefix, publicURL, path, origin, uri) in [
            ("", nil, "", nil, "/ofrep/v1/stream"), ("/flags", nil, "/flags", nil, "/flags/ofrep/v1/stream"),
            ("/flags", nil, "", nil, "/ofrep/v1/stream"),
            ("", "https://flags.example", "", "https://flags.example", "/ofrep/v1/stream"),
            ("", "https://example:8443/flags", "", "https://example:8443", "/flags/ofrep/v1/stream"),
        ] as [(String, String?, String, String?, String)] {
            let server = try await TestServer {
                $0.pathPrefix = prefix
                $0.publicURL = publicURL
            }
            for kind in [KeyKind.client, .server] {
                let answer = try await Self.ask(server, "{}", kind, path: path + "/ofrep/v1/evaluate/flags")
                let streams = try #require(answer.json?["eventStreams"]?.arrayValue)
                #expect(streams.count == 1)
                #expect(streams.first?["type"] == "sse")
                #expect(streams.first?["inactivityDelaySec"] == 120)
                #expect(streams.first?["url"] == nil, "it is either that or an endpoint")
                let endpoint = streams.first?["endpoint"]
                #expect(endpoint?["origin"]?.stringValue == origin)
                // A secret key has no place in an address.
                let wanted = uri + (kind == .client ? key(server) : "")
                #expect(endpoint?["requestUri"]?.stringValue == wanted)
                if prefix.isEmpty || path == prefix, publicURL == nil {
                    let stream = try await server.open(.get, wanted, key: kind == .client ? nil : kind)
                    #expect(stream.head.status == .ok)
                }
            }
        }
    }

    @Test func `can be asked for by pages of any origin`() async throws {
        let server = try await TestServer()
        let path = "/ofrep/v1/evaluate/flags"
        let origin: HTTPFields = [.origin: "https://shop.example"]
        let preflight = try await server.send(.options, path, headers: origin)
        #expect(preflight.status == .noContent)
        #expect(preflight.headers[.accessControlAllowOrigin] == "*")
        let allowed = Set(
            (preflight.headers[.accessControlAllowHeaders] ?? "").split(separator: ",").map {
                $0.drop { $0 == " " }.lowercased()
            }
        )
        #expect(allowed.isSuperset(of: ["authorization", "x-api-key", "if-none-match", "content-type"]))
        var headers = origin
        headers[.authorization] = "Bearer " + server.key(.client)
        for (body, status) in [("{}", 200), ("{", 400)] {
            let answer = try await server.send(.post, path, headers: headers, body: body)
            #expect(answer.status.code == status)
            #expect(answer.headers[.accessControlAllowOrigin] == "*")
            #expect(answer.headers[.accessControlExposeHeaders]?.contains("etag") == true)
        }
        headers[.authorization] = "Bearer nobody's"
        let refused = try await server.send(.post, path, headers: headers, body: "{}")
        #expect(refused.status == .unauthorized)
        #expect(refused.headers[.accessControlAllowOrigin] == "*")
        #expect(refused.headers[.accessControlExposeHeaders]?.contains("retry-after") == true)
    }
}
