// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

/// Who answers from which document, as the server knows it from polls, streams and reports.
@Suite("Fleet routes") struct FleetRouteTests {
    private static let session = HTTPField.Name("statsig-server-session-id") ?? .userAgent
    private static let instance = HTTPField.Name("floodgate-instance") ?? .userAgent

    private static func poll(
        _ server: TestServer,
        _ session: String,
        since time: Int64 = 0,
        headers more: HTTPFields = [:]
    ) async throws -> Int64? {
        var headers = more
        headers[Self.session] = session
        let query = time > 0 ? "?sinceTime=\(time)" : ""
        let path = "/v2/download_config_specs/\(server.key(.server)).json\(query)"
        return try await server.send(.get, path, headers: headers, from: "10.1.2.3").json?["time"]?.integerValue
    }

    private static func fleet(_ server: TestServer, _ query: String = "") async throws -> JSONValue {
        let answer = try await server.send(.get, "/console/v1/fleet\(query)", key: .console)
        #expect(answer.status == .ok)
        return try #require(answer.json?["data"]?.arrayValue?.first)
    }

    private static func change(_ server: TestServer) async throws {
        server.clock.advance(milliseconds: 1_000)
        let gate = try await server.server.control.entity(.gate, "new_checkout")
        let change = Change(actor: "test")
        _ = try await server.server.control.setGate("new_checkout", enabled: !gate.isEnabled, by: change)
        try await server.publish()
    }

    @Test func `know instances by their polls, and what they answer from by the next one`() async throws {
        let server = try await TestServer()
        let first = try #require(try await Self.poll(server, "s-1"))
        #expect(try await Self.fleet(server)["holding"] == 0)
        #expect(try await Self.fleet(server)["stragglers"]?.arrayValue?.first?["name"] == "10.1.2.3")
        server.clock.advance(milliseconds: 10_000)
        #expect(try await Self.poll(server, "s-1", since: first) == nil)
        _ = try await Self.poll(server, "s-2", since: first, headers: [Self.instance: "checkout-7"])
        #expect(try await Self.fleet(server)["holding"] == 2)

        try await Self.change(server)
        server.clock.advance(milliseconds: 400)
        let second = try #require(try await Self.poll(server, "s-1", since: first))
        server.clock.advance(milliseconds: 10_000)
        #expect(try await Self.poll(server, "s-1", since: second) == nil)
        let fleet = try await Self.fleet(server)
        #expect(fleet["live"] == 2 && fleet["holding"] == 1 && fleet["time"]?.integerValue == second)
        #expect(fleet["stragglers"]?.arrayValue?.map { $0["name"] } == ["checkout-7"])
        // It had the document 400 ms after the commit, and said so 10 s later.
        #expect(fleet["versions"]?.arrayValue?.first?["delay_ms"]?["max"] == 400)
        #expect(try await Self.fleet(server, "?time=\(first)&environment=production")["holding"] == 2)
        let metrics = try await server.send(.get, "/metrics").text
        #expect(metrics.contains(#"fleet_instances{env="production",holds="older"} 1"#))
        #expect(metrics.contains(#"config_propagation_seconds{env="production",quantile="0.99"} 0.4"#))
    }

    @Test func `know instances by their streams and reports`() async throws {
        let server = try await TestServer()
        let first = try #require(try await Self.poll(server, "s-1"))
        let headers: HTTPFields = [Self.session: "s-1", Self.instance: "checkout-7"]
        let path = "/v2/stream_config_specs?sinceTime=\(first)"
        _ = try await server.open(.get, path, key: .server, headers: headers)
        #expect(try await Self.fleet(server)["holding"] == 1)
        try await Self.change(server)
        #expect(try await Self.fleet(server)["stragglers"]?.arrayValue?.first?["name"] == "checkout-7")
        let second = try #require(try await Self.fleet(server)["time"]?.integerValue)
        server.clock.advance(milliseconds: 900)
        let answer = try await server.send(
            .post,
            "/v2/report_config_specs",
            key: .server,
            headers: headers,
            body: #"{"time":\#(second),"checksum":"7","used_ms_ago":850}"#
        )
        #expect(answer.status == .accepted)
        #expect(answer.json?["spread_ms"] == 1_000 && answer.json?["interval_ms"] == 60_000)
        let fleet = try await Self.fleet(server)
        #expect(fleet["holding"] == 1 && fleet["versions"]?.arrayValue?.first?["delay_ms"]?["p50"] == 50)
    }

    @Test(
        arguments: [
            ("{", 400), ("[]", 400), ("{}", 400), (#"{"time":-1}"#, 400), (#"{"time":"1"}"#, 400),
            (#"{"time":1}"#, 202), (#"{"time":1,"used_ms_ago":-5}"#, 202),
        ]
    )
    func `refuse reports that say nothing`(body: String, status: Int) async throws {
        let server = try await TestServer()
        let headers: HTTPFields = [Self.session: "s"]
        let path = "/v2/report_config_specs"
        let answer = try await server.send(.post, path, key: .server, headers: headers, body: body)
        #expect(answer.status.code == status)
        #expect(try await server.send(.post, path, key: .server, body: #"{"time":1}"#).status == .badRequest)
    }

    /// What an edge tells.
    private static func tell(_ server: TestServer, _ key: String, _ body: String) async throws -> HTTPResponse.Status {
        let headers: HTTPFields = [.sdkKey: key, .contentType: "application/json"]
        let answer = try await server.send(.post, "/edge/v1/fleet", headers: headers, body: body)
        return answer.status
    }

    private static func edgeKey(_ server: TestServer) async throws -> String {
        let change = Change(actor: "test")
        let key = try await server.server.control.createKey(.edge, environment: "production", by: change)
        try await server.publish()
        return key.text
    }

    @Test func `take what edges saw, and not more at once than they may tell`() async throws {
        let server = try await TestServer()
        let key = try await Self.edgeKey(server)
        let time = try #require(try await Self.fleet(server)["time"]?.integerValue)
        let row = #"{"id":"a","name":"far","sdk":"x","sdk_version":"1","time":\#(time - 1),"via":["edge-1"]}"#
        #expect(try await Self.tell(server, key, #"{"instances":[\#(row),7,{}]}"#) == .accepted)
        let fleet = try await Self.fleet(server)
        #expect(fleet["live"] == 1 && fleet["stragglers"]?.arrayValue?.first?["via"] == ["edge-1"])
        #expect(fleet["edges"] == [])
        #expect(try await Self.tell(server, key, #"{"instances":7}"#) == .badRequest)
        let many = Array(repeating: "0", count: 2_001).joined(separator: ",")
        #expect(try await Self.tell(server, key, #"{"instances":[\#(many)]}"#) == .badRequest)
    }

    @Test func `ask edges about those that are behind, in the answer to what they tell`() async throws {
        let server = try await TestServer()
        let key = try await Self.edgeKey(server)
        let time = try #require(try await Self.fleet(server)["time"]?.integerValue)
        func tell(_ time: Int64) async throws -> JSONValue? {
            let headers: HTTPFields = [.sdkKey: key, .contentType: "application/json"]
            let body = #"{"from":"e","instances":[{"id":"a","name":"far","time":\#(time),"weight":0}]}"#
            server.clock.advance(milliseconds: 2_000)
            return try await server.send(.post, "/edge/v1/fleet", headers: headers, body: body).json
        }
        #expect(try await tell(time - 1) == ["success": true, "behind": ["a"]])
        #expect(try await tell(time) == ["success": true])
    }

    @Test func `show edges with what they say of themselves, on the page too`() async throws {
        let server = try await TestServer()
        let key = try await Self.edgeKey(server)
        let time = try #require(try await Self.fleet(server)["time"]?.integerValue)
        let edge = #"{"id":"e","name":"edge-1","edge":true,"time":\#(time),"confirmed_ms_ago":15000}"#
        let row = #"{"id":"a","name":"far","time":\#(time - 1),"via":["edge-1"]}"#
        #expect(try await Self.tell(server, key, #"{"instances":[\#(edge),\#(row)]}"#) == .accepted)
        let fleet = try await Self.fleet(server)
        #expect(fleet["edges"]?.arrayValue?.first?["confirmed_ms_ago"] == 15_000)
        let page = try await server.send(.get, "/fleet")
        #expect(page.status == .ok && page.text.contains("1 of 2 live instances"))
        #expect(page.text.contains(">far <code>a</code>") && page.text.contains(">15 s ago<"))
    }

    @Test func `say that numbers are estimates when edges tell of some instances alone`() async throws {
        let server = try await TestServer()
        let key = try await Self.edgeKey(server)
        for (level, weight) in [(99, -3), (3, 8)] {
            let row = #"{"id":"m","name":"","time":1,"weight":\#(weight)}"#
            let body = #"{"from":"e","level":\#(level),"instances":[\#(row)]}"#
            #expect(try await Self.tell(server, key, body) == .accepted)
        }
        let fleet = try await Self.fleet(server)
        #expect(fleet["live"] == 8 && fleet["holding"] == 0 && fleet["estimated"] == true)
        let page = try await server.send(.get, "/fleet")
        #expect(page.text.contains("About 0 of 8 live instances"))
    }

    @Test(arguments: ["?environment=none", "?limit=-1", "?limit=20000", "?time=x"])
    func `refuse questions that make no sense`(query: String) async throws {
        let server = try await TestServer()
        let answer = try await server.send(.get, "/console/v1/fleet\(query)", key: .console)
        #expect(answer.status == (query.contains("none") ? .notFound : .badRequest))
    }
}
