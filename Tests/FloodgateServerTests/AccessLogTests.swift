// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Access log") struct AccessLogTests {
    private func server(
        _ mode: AccessLog.Settings.Mode,
        _ addresses: AccessLog.Settings.Addresses = .truncated,
        _ change: (inout ServerSettings) -> Void = { _ in }
    ) async throws -> TestServer {
        try await TestServer {
            $0.accessLog.mode = mode
            $0.accessLog.addresses = addresses
            change(&$0)
        }
    }

    private func entries(_ server: TestServer) throws -> [JSONValue] {
        try server.lines.all.map { try JSONValue(parsing: $0) }.filter { $0["message"] == "Request" }
    }

    @Test func `tells what was asked and what became of it, and no more`() async throws {
        let server = try await server(.all)
        let key = server.key(.server)
        let agent: HTTPFields = [.userAgent: "agent/1"]
        let path = "/v2/download_config_specs/\(key).json?sinceTime=1"
        let ready = try await server.send(.get, path, headers: agent, from: "192.0.2.77")
        let events = #"{"events":[{"eventName":"paid","time":1,"user":{"userID":"u-1"}}]}"#
        let made = try await server.send(.post, "/v1/log_event?k=\(key)", headers: agent, body: events)
        _ = try await server.send(.get, "/some/\(key)", headers: agent)
        _ = try await server.send(.post, "/v1/rgstr", key: .console, headers: agent, body: events)
        _ = try await server.send(.post, "/v1/check_gate", key: .client, headers: agent, body: "{")
        let entries = try entries(server)
        #expect(entries.count == 5)
        guard entries.count == 5 else { return }
        #expect(entries.map { $0["level"] } == Array(repeating: "info", count: 5))
        #expect(entries.map { $0["http.response.status_code"] } == [200, 202, 404, 403, 400])
        #expect(entries.map { $0["code"] } == [nil, nil, "not_found", "forbidden", "malformed"])
        let patterns: [JSONValue] = [
            "/v2/download_config_specs/{key}", "/v1/log_event", "none", "/v1/rgstr", "/v1/check_gate",
        ]
        #expect(entries.map { $0["http.route"] } == patterns)
        #expect(entries.map { $0["http.request.method"] } == ["GET", "POST", "GET", "POST", "POST"])
        #expect(entries[0]["http.response.body.size"]?.integerValue == Int64(ready.bytes.count))
        #expect(entries[0]["client.address"] == "192.0.2.0")
        #expect(entries[1]["http.request.body.size"]?.integerValue == Int64(events.utf8.count))
        #expect(entries[1]["request_id"]?.stringValue == made.headers[try #require(HTTPField.Name("x-request-id"))])
        #expect(entries[1]["duration_us"]?.integerValue ?? -1 >= 0)
        #expect(entries[1]["network.protocol.version"] == "1.1")
        for line in server.lines.all {
            for secret in [key, "sinceTime", "agent/1", "u-1", "paid", "/some"] { #expect(!line.contains(secret)) }
        }
    }

    @Test func `names a refused request as its answer does`() async throws {
        let server = try await server(.errors)
        for path in ["/none", "/v1/get_id_lists/secret-nobody"] {
            let answer = try await server.send(.get, path)
            let name = answer.json?["request_id"]?.stringValue
            #expect(name != nil)
            #expect(try entries(server).last?["request_id"]?.stringValue == name)
        }
    }

    @Test(arguments: AccessLog.Settings.Mode.allCases)
    func `tells of as many as it is asked for`(mode: AccessLog.Settings.Mode) async throws {
        let server = try await server(mode) { $0.failedRequests = .init(perSecond: 10_000, burst: 10_000) }
        for _ in 0..<100 {
            _ = try await server.send(.get, "/livez")
            _ = try await server.send(.get, "/v1/get_id_lists", key: .server)
            _ = try await server.send(.get, "/none")
        }
        let statuses = try entries(server).compactMap { $0["http.response.status_code"]?.integerValue }
        let (good, bad) = (statuses.count { $0 < 400 }, statuses.count { $0 >= 400 })
        switch mode {
        case .off: #expect(statuses.isEmpty)
        // Twenty in each second that this took.
        case .errors, .sampled: #expect(bad >= 20 && bad < 100 || bad == 100)
        case .all: #expect(good == 200 && bad == 100)
        }
        if mode == .errors { #expect(good == 0) }
        if mode == .sampled {
            #expect(good >= 1 && good < 200)
            #expect(try entries(server).allSatisfy { ($0["left_out"]?.integerValue ?? 0) <= 200 })
        }
    }

    @Test(
        arguments: [
            (.none, "192.0.2.77", nil), (.truncated, "192.0.2.77", "192.0.2.0"), (.full, "192.0.2.77", "192.0.2.77"),
            (.truncated, "2001:db8:1:2:3:4:5:6", "2001:db8:1::"), (.full, "2001:db8::2:0:0:1", "2001:db8::2:0:0:1"),
            (.full, "::ffff:192.0.2.77", "192.0.2.77"), (.full, "::1", "::1"),
            (.full, "1:0:2:0:3:0:4:5", "1:0:2:0:3:0:4:5"),
            (.full, "::", "::"), (.full, "1::", "1::"),
        ] as [(AccessLog.Settings.Addresses, String, String?)]
    )
    func `tells as much of addresses as it may`(
        addresses: AccessLog.Settings.Addresses,
        address: String,
        told: String?
    ) async throws {
        let server = try await server(.all, addresses)
        for path in ["/livez", "/v1/get_id_lists", "/none"] {
            _ = try await server.send(.get, path, key: .server, from: address)
        }
        #expect(try entries(server).map { $0["client.address"]?.stringValue } == [told, told, told])
    }

    @Test(arguments: [
        // Nobody but a trusted proxy is believed.
        ("198.51.100.9", "x-forwarded-for", "203.0.113.5", "198.51.100.9"),
        ("10.0.0.1", "x-forwarded-for", "203.0.113.5", "203.0.113.5"),
        // What stands before the right-most stranger, that one may have made up.
        ("10.0.0.1", "x-forwarded-for", "192.0.2.66, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
        ("10.0.0.1", "x-forwarded-for", "203.0.113.5, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "x-forwarded-for", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "x-forwarded-for", "203.0.113.5:4711", "203.0.113.5"),
        ("10.0.0.1", "x-forwarded-for", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "x-forwarded-for", "", "10.0.0.1"), ("10.0.0.1", "x-forwarded-for", ",,,", "10.0.0.1"),
        ("10.0.0.1", "forwarded", "for=192.0.2.66, for=\"[2001:db8::7]:80\";proto=https", "2001:db8::7"),
        ("10.0.0.1", "forwarded", "proto=https;For=203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "x-real-ip", "203.0.113.5", "10.0.0.1"),
    ])
    func `takes the client's address from trusted proxies alone`(
        peer: String,
        field: String,
        value: String,
        expected: String
    ) async throws {
        let range = try #require(AddressRange("10.0.0.0/8"))
        let server = try await server(.all, .full) { $0.trustedProxies = [range] }
        let headers: HTTPFields = [try #require(HTTPField.Name(field)): value]
        for path in ["/livez", "/v1/get_id_lists", "/none"] {
            _ = try await server.send(.get, path, key: .server, headers: headers, from: peer)
        }
        #expect(try entries(server).map { $0["client.address"]?.stringValue } == [expected, expected, expected])
    }
}
