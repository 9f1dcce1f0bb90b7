// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvents
import FloodgateGzip
import FloodgateIngest
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Client routes") struct ClientRouteTests {
    @Test func `give a client what it needs for one user`() async throws {
        let server = try await TestServer()
        let body = #"{"user":{"userID":"u-42"},"hash":"djb2","statsigMetadata":{"sdkType":"javascript-client"}}"#
        let answer = try await server.send(.post, "/v1/initialize?k=\(server.key(.client))", body: body)
        #expect(answer.status == .ok)
        #expect(answer.json?["has_updates"] == true)
        #expect(answer.json?["hash_used"] == "djb2")
        #expect(answer.headers[.cacheControl] == "no-store")
        let time = answer.json?["time"]?.integerValue ?? 0
        let again = try await server.send(
            .post,
            "/v1/initialize",
            key: .client,
            body: #"{"user":{"userID":"u-42"},"sinceTime":\#(time)}"#
        )
        #expect(again.text == #"{"has_updates":false}"#)
    }

    @Test func `read bodies that are packed or written backwards`() async throws {
        let server = try await TestServer()
        // {"user":{"userID":"u"}} in base64, backwards.
        let encoded = String("eyJ1c2VyIjp7InVzZXJJRCI6InUifX0=".reversed())
        let backwards = try await server.send(.post, "/v1/initialize?se=1", key: .client, body: encoded)
        #expect(backwards.json?["user"]?["userID"] == "u")
        let packed = try Gzip.compress(Array(#"{"user":{"userID":"u"}}"#.utf8))
        let unpacked = try await server.send(.post, "/v1/initialize?gz=1", key: .client, bytes: packed)
        #expect(unpacked.json?["user"]?["userID"] == "u")
        #expect(try await server.send(.post, "/v1/initialize?se=1", key: .client, body: "!").status == .badRequest)
        #expect(try await server.send(.post, "/v1/initialize?gz=1", key: .client, body: "{}").status == .badRequest)
        let both = try Gzip.compress(Array(encoded.utf8))
        let plain = try await server.send(.post, "/v1/initialize?se=1&gz=1", key: .client, bytes: both)
        #expect(plain.json?["user"]?["userID"] == "u", "first written backwards, then packed")
        let bomb = try Gzip.compress([UInt8](repeating: 0x20, count: 9 << 20))
        #expect(
            try await server.send(.post, "/v1/initialize?gz=1", key: .client, bytes: bomb).status == .contentTooLarge
        )
    }

    @Test func `check gates and keep their exposures`() async throws {
        let server = try await TestServer()
        let one = try await server.send(
            .post,
            "/v1/check_gate",
            key: .client,
            body: #"{"gateName":"free_returns","user":{"userID":"u"}}"#
        )
        #expect(one.json?["value"] == true)
        #expect(one.json?["name"] == "free_returns")
        let many = try await server.send(
            .post,
            "/v1/check_gate",
            key: .server,
            body:
                #"{"gateNames":["free_returns","nope"],"user":{"userID":"u"},"statsigMetadata":{"exposureLoggingDisabled":true}}"#
        )
        #expect(many.json?["free_returns"]?["value"] == true)
        #expect(many.json?["nope"]?["value"] == false)
        #expect(many.json?["nope"]?["rule_id"] == .some(.null))
        let batches = try await server.log.read(after: 0, limit: 10)
        #expect(batches.map(\.exposureCount) == [1])
        let event = try #require(try batches.first?.unpack().events.first)
        #expect(Exposure(event)?.name == "free_returns")
    }

    @Test func `answer a contextual autotune with its groups in their order`() async throws {
        let server = try await TestServer()
        try server.serve(FlagDocument.make())
        let answer = try await server.send(
            .post,
            "/v1/get_ranked_list",
            key: .server,
            body: #"{"configName":"bandit","user":{"userID":"u"}}"#
        )
        #expect(answer.json == [["name": "A", "value": ["colour": "red"], "rule_id": "a", "score": 0.0]])
        for name in ["checkout", "nope"] {
            let body = #"{"configName":"\#(name)","user":{"userID":"u"}}"#
            #expect(try await server.send(.post, "/v1/get_ranked_list", key: .client, body: body).status == .notFound)
        }
    }

    @Test func `keep an exposure of each parameter of a layer, unless asked not to`() async throws {
        let server = try await TestServer()
        for metadata in ["{}", #"{"exposureLoggingDisabled":true}"#] {
            let body = #"{"layerName":"search_page","user":{"userID":"u"},"statsigMetadata":\#(metadata)}"#
            let answer = try await server.send(.post, "/v1/get_layer", key: .client, body: body)
            #expect(answer.status == .ok)
        }
        let batches = try await server.log.read(after: 0, limit: 10)
        let names = try #require(try batches.first?.unpack().events.compactMap { Exposure($0)?.name })
        #expect(batches.count == 1)
        #expect(Set(names) == ["search_page"])
        #expect(names.count >= 2)
    }

    @Test func `answer configs and layers`() async throws {
        let server = try await TestServer()
        let config = try await server.send(
            .post,
            "/v1/get_config",
            key: .client,
            body: #"{"configName":"checkout_copy","user":{"userID":"u"}}"#
        )
        #expect(config.json?["value"]?["title"]?.stringValue != nil)
        #expect(config.json?["group_name"]?.stringValue != nil)
        let layer = try await server.send(
            .post,
            "/v1/get_layer",
            key: .client,
            body: #"{"layerName":"search_page","user":{"userID":"u"}}"#
        )
        #expect(layer.json?["value"]?["suggestions"] != nil)
        #expect(layer.json?["allocatedExperimentName"]?.stringValue != nil)
        let unknown = try await server.send(.post, "/v1/get_layer", key: .client, body: #"{"layerName":"x","user":{}}"#)
        #expect(unknown.status == .notFound)
        #expect(try await server.send(.post, "/v1/get_config", key: .client, body: "{}").status == .badRequest)
    }
}
