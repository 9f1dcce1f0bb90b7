// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvaluation
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("ID lists in the console's API") struct IDListAPITests {
    private static let path = "/console/v1/id_lists"

    private func ask(_ server: TestServer, _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil)
        async throws -> (status: Int, data: JSONValue?, text: String)
    {
        let answer = try await server.send(method, Self.path + path, key: .console, body: body)
        return (answer.status.code, answer.json?["data"], answer.text)
    }

    @Test func `are made, filled, emptied, counted and deleted, each with its record`() async throws {
        let server = try await TestServer()
        let made = try await ask(server, .post, "", #"{"name":"my vips","ids":["a","b"],"reason":"asked for"}"#)
        #expect(made.status == 201 && made.data?["count"] == 2 && made.data?["changed"] == 2)
        let added = try await ask(server, .patch, "/my%20vips/ids", #"{"ids":["b","c"]}"#)
        #expect(added.status == 200 && added.data?["count"] == 3 && added.data?["changed"] == 1)
        let removed = try await ask(server, .delete, "/my%20vips/ids", #"{"ids":["a","x"],"reason":"left"}"#)
        #expect(removed.status == 200 && removed.data?["count"] == 2 && removed.data?["changed"] == 1)
        #expect(try await ask(server, .get, "/my%20vips").data?["count"] == 2)
        #expect(try await ask(server, .get, "").data?.arrayValue?.map { $0["name"] } == ["beta_testers", "my vips"])
        let control = server.server.control
        let members = try await control.members(ofIDList: "my vips")
        #expect(["a", "b", "c"].map { members.contains(unitID: $0) } == [false, true, true])

        try await server.publish()
        #expect(try await server.send(.post, "/v1/get_id_lists", key: .server).json?["my vips"] != nil)
        #expect(try await ask(server, .delete, "/my%20vips", #"{"reason":"over"}"#).status == 200)
        try await server.publish()
        #expect(try await server.send(.post, "/v1/get_id_lists", key: .server).json?["my vips"] == nil)
        #expect(try await ask(server, .get, "/my%20vips").status == 404)

        let records = try await control.auditLog(limit: 4)
        #expect(records.map(\.action) == ["id_list_delete", "id_list_remove", "id_list_add", "id_list_create"])
        #expect(records.map(\.reason) == ["over", "left", nil, "asked for"])
        #expect(records.allSatisfy { $0.actor.hasPrefix("console-api:console-") })
    }

    @Test func `stay while conditions ask for them, unless it is forced`() async throws {
        let server = try await TestServer()
        let refused = try await ask(server, .delete, "/beta_testers")
        #expect(refused.status == 400 && refused.text.contains("gate:store_credit"))
        #expect(try await ask(server, .delete, "/beta_testers?force=false").status == 400)
        #expect(try await ask(server, .delete, "/beta_testers?force=yes").status == 400)
        #expect(try await ask(server, .get, "/beta_testers").status == 200)
        #expect(try await ask(server, .delete, "/beta_testers?force=true").status == 200)
        #expect(try await ask(server, .get, "/beta_testers").status == 404)
    }

    @Test(arguments: [
        ("", "{}"), ("", #"{"name":7}"#), ("", #"{"name":""}"#), ("", #"{"name":"beta_testers"}"#),
        ("", #"{"name":"x","ids":"a"}"#), ("", #"{"name":"x","ids":[1]}"#), ("", #"{"name":"x","ids":[""]}"#),
        ("", #"{"name":"x","ids":null}"#), ("", #"{"name":"x","reason":1}"#), ("/beta_testers/ids", "{}"),
        ("/beta_testers/ids", #"{"ids":{}}"#), ("/beta_testers/ids", #"{"ids":["a"],"ids":["b"]}"#),
        ("/beta_testers/ids", "["),
    ])
    func `refuse what makes no sense, and change nothing`(path: String, body: String) async throws {
        let server = try await TestServer()
        let before = try await server.server.control.state().changeCount
        #expect(try await ask(server, path.isEmpty ? .post : .patch, path, body).status == 400)
        #expect(try await server.server.control.state().changeCount == before)
    }

    @Test func `take no more units at once than they may`() async throws {
        let server = try await TestServer()
        func body(_ count: Int) -> String {
            #"{"ids":["# + (0..<count).map { #""u\#($0)""# }.joined(separator: ",") + "]}"
        }
        #expect(try await ask(server, .patch, "/beta_testers/ids", body(10_001)).status == 400)
        #expect(try await ask(server, .patch, "/beta_testers/ids", body(10_000)).data?["changed"] == 10_000)
        #expect(try await ask(server, .patch, "/none/ids", body(1)).status == 404)
    }
}
