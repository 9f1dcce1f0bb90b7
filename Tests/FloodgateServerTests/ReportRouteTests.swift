// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import HTTPTypes
import Testing

@Suite("Reports of programs without an SDK") struct ReportRouteTests {
    @Test func `exposures of assignments made elsewhere are kept by the group's rule`() async throws {
        let server = try await TestServer()
        let body = #"""
            {"user":{"userID":"u","privateAttributes":{"email":"secret@example.com"}},"exposures":[
              {"experimentName":"checkout_copy","group":"Short","time":"2025-06-15T15:00:00Z"},
              {"gateName":"new_checkout","passes":true,"ruleID":"r1","user":{"userID":"v"}}]}
            """#
        let experiment = try await server.send(
            .post,
            "/v1/get_config",
            key: .server,
            body:
                #"{"configName":"checkout_copy","user":{"userID":"u"},"statsigMetadata":{"exposureLoggingDisabled":true}}"#
        )
        let group = try #require(experiment.json?["group_name"]?.stringValue)
        let answer = try await server.send(
            .post,
            "/v1/log_custom_exposure",
            key: .client,
            body: body.replacing("Short", with: group)
        )
        #expect(answer.status == .accepted)
        #expect(answer.json?["success"] == true)
        let events = try #require(try await server.log.read(after: 0, limit: 10).first?.unpack().events)
        #expect(events.map(\.name) == ["statsig::config_exposure", "statsig::gate_exposure"])
        #expect(events.map { $0.user?["userID"] } == ["u", "v"])
        #expect(events[0].metadata?["ruleID"] == experiment.json?["rule_id"])
        #expect(events[0].metadata?["isManualExposure"] == "true")
        #expect(events[0].time == 1_749_999_600_000)
        #expect(events[1].metadata?["gateValue"] == "true")
        #expect(!events.contains { $0.user?["privateAttributes"] != nil })
    }

    @Test(
        arguments: [
            ("{}", "/exposures"), (#"{"exposures":[]}"#, "/exposures"),
            (#"{"exposures":[{"gateName":"g","passes":true,"ruleID":"r"}]}"#, "/exposures/0/user"),
            (#"{"user":{},"exposures":[{"gateName":"g","passes":true}]}"#, "/exposures/0"),
            (#"{"user":{},"exposures":[{"gateName":"g","ruleID":"r"}]}"#, "/exposures/0"),
            (#"{"user":{},"exposures":[{"ruleID":"r"}]}"#, "/exposures/0"),
            (#"{"user":{},"exposures":[{"experimentName":"checkout_copy","group":"nobody"}]}"#, "/exposures/0/group"),
            (#"{"user":{},"exposures":[{"experimentName":"nope","ruleID":"r"}]}"#, "/exposures/0/ruleID"),
            (
                #"{"user":{},"exposures":[{"gateName":"g","passes":true,"ruleID":"r","time":"soon"}]}"#,
                "/exposures/0/time"
            ),
        ] as [(String, String)]
    )
    func `an exposure that cannot be one is refused, and none of its batch is kept`(
        body: String,
        pointer: String
    ) async throws {
        let server = try await TestServer()
        let answer = try await server.send(.post, "/v1/log_custom_exposure", key: .server, body: body)
        #expect(answer.status == .badRequest)
        #expect(answer.json?["errors"]?.arrayValue?.first?["pointer"]?.stringValue == pointer)
        #expect(try await server.log.counts().batches == 0)
    }

    @Test func `an event of a third party is kept, for server keys alone`() async throws {
        let server = try await TestServer()
        let body =
            #"{"user":{"userID":"u"},"event":"refund","value":7.5,"metadata":{"shop":"a"},"timestamp":1750000300000}"#
        let answer = try await server.send(.post, "/v1/webhooks/event_webhook", key: .server, body: body)
        #expect(answer.status == .accepted)
        let event = try #require(try await server.log.read(after: 0, limit: 10).first?.unpack().events.first)
        #expect(event.name == "refund")
        #expect(event.time == 1_750_000_300_000)
        #expect(event.value == 7.5)
        #expect(event.user?["userID"] == "u")
        #expect(
            try await server.send(.post, "/v1/webhooks/event_webhook", key: .client, body: body).status == .forbidden
        )
        let nameless = try await server.send(.post, "/v1/webhooks/event_webhook", key: .server, body: "{}")
        #expect(nameless.status == .badRequest)
    }
}
