// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Console API routes") struct ConsoleAPIRouteTests {
    @Test(arguments: ["gates", "dynamic_configs", "experiments", "layers", "segments", "holdouts"])
    func `list what there is, and show each`(path: String) async throws {
        let server = try await TestServer()
        let list = try await server.send(.get, "/console/v1/\(path)", key: .console)
        #expect(list.status == .ok)
        #expect(list.json?["message"]?.stringValue != nil)
        let items = try #require(list.json?["data"]?.arrayValue)
        #expect(!items.isEmpty)
        #expect(list.json?["pagination"]?["totalItems"]?.integerValue == Int64(items.count))
        for item in items {
            let id = try #require(item["id"]?.stringValue)
            let one = try await server.send(.get, "/console/v1/\(path)/\(id)", key: .console)
            #expect(one.json?["data"] == item)
        }
        let missing = try await server.send(.get, "/console/v1/\(path)/nope", key: .console)
        #expect(missing.status == .notFound)
        #expect(missing.json?["errors"]?.arrayValue?.isEmpty == false, "Terraform's provider sees no other errors")
    }

    @Test func `page through lists`() async throws {
        let server = try await TestServer()
        var path: String? = "/console/v1/gates?limit=4"
        var names: [String] = []
        while let next = path {
            let answer = try await server.send(.get, next, key: .console)
            let data = try #require(answer.json?["data"]?.arrayValue)
            #expect(data.count <= 4)
            names += data.compactMap { $0["name"]?.stringValue }
            path = answer.json?["pagination"]?["nextPage"]?.stringValue
        }
        let all = try await server.send(.get, "/console/v1/gates", key: .console).json?["data"]?.arrayValue ?? []
        #expect(names == all.compactMap { $0["name"]?.stringValue })
        let beyond = try await server.send(.get, "/console/v1/gates?limit=4&page=1000000", key: .console)
        #expect(beyond.json?["data"] == [])
        for query in ["limit=0", "limit=x", "page=0", "page=-1", "limit=99999999999999999999"] {
            #expect(try await server.send(.get, "/console/v1/gates?\(query)", key: .console).status == .badRequest)
        }
    }

    @Test func `show a gate as Statsig's API does`() async throws {
        let server = try await TestServer()
        let gate = try #require(try await server.send(.get, "/console/v1/gates/pay_later", key: .console).json?["data"])
        for member in [
            "id", "name", "idType", "isEnabled", "status", "rules", "createdTime", "lastModifiedTime", "version",
        ] {
            #expect(gate[member] != nil, "\(member)")
        }
        #expect(gate["status"] == "In Progress")
        let rule = try #require(gate["rules"]?.arrayValue?.first)
        #expect(rule["passPercentage"] == 100)
        #expect(rule["conditions"]?.arrayValue?.first?["type"] == "country")
    }

    @Test func `switch a gate`() async throws {
        let server = try await TestServer()
        let off = try await server.send(.put, "/console/v1/gates/new_checkout/disable", key: .console)
        #expect(off.status == .ok)
        #expect(off.json?["data"]?["isEnabled"] == false)
        #expect(off.json?["data"]?["status"] == "Disabled")
        let on = try await server.send(
            .patch,
            "/console/v1/gates/new_checkout",
            key: .console,
            body: #"{"isEnabled":true}"#
        )
        #expect(on.json?["data"]?["isEnabled"] == true)
        let record = try #require(try await server.server.control.auditLog(limit: 1).first)
        #expect(record.actor.hasPrefix("console-api:console-"))
        #expect(!record.actor.contains(server.key(.console)), "no whole key in the audit log")
        #expect(try await server.send(.put, "/console/v1/gates/nope/enable", key: .console).status == .notFound)
    }

    @Test func `roll a gate out by each of the documented ways`() async throws {
        let server = try await TestServer()
        let path = "/console/v1/gates/new_checkout"
        let rule = "R7VUDHZTyj"
        let ways = [
            (path, #"{"rules":[{"id":"\#(rule)","passPercentage":60}]}"#, 60),
            (path + "/rules", #"{"rules":[{"id":"\#(rule)","passPercentage":70.5,"name":"Half of everyone"}]}"#, 70.5),
            (path + "/rules/\(rule)", #"{"passPercentage":80}"#, 80),
        ]
        for (path, body, percent) in ways {
            let answer = try await server.send(.patch, path, key: .console, body: body)
            #expect(answer.status == .ok)
            #expect(answer.json?["data"]?["rules"]?.arrayValue?.first?["passPercentage"]?.doubleValue == percent)
        }
    }

    @Test(
        arguments: [
            ("", "nope", 400, nil), ("", "[]", 400, nil), ("", #"{"isEnabled":"yes"}"#, 400, "/isEnabled"),
            ("", #"{"salt":"x"}"#, 400, "/salt"), ("", #"{"isEnabled":true,"isEnabled":false}"#, 400, nil),
            ("/rules", "{}", 400, "/rules"), ("/rules", #"{"rules":{}}"#, 400, "/rules"),
            ("/rules", #"{"rules":[{"id":"nope","passPercentage":5}]}"#, 404, "/rules/0/id"),
            ("/rules", #"{"rules":[{"id":"R7VUDHZTyj","passPercentage":101}]}"#, 400, "/rules/0/passPercentage"),
            ("/rules", #"{"rules":[{"id":"R7VUDHZTyj","passPercentage":"5"}]}"#, 400, "/rules/0/passPercentage"),
            ("/rules", #"{"rules":[{"id":"R7VUDHZTyj","name":"Other"}]}"#, 400, "/rules/0/name"),
            ("/rules", #"{"rules":[{"id":"R7VUDHZTyj","passPercentage":1},{"id":"R7VUDHZTyj"}]}"#, 400, "/rules/1/id"),
            ("/rules/R7VUDHZTyj", #"{"id":"other","passPercentage":5}"#, 400, "/id"),
            (
                "", #"{"isEnabled":false,"rules":[{"id":"R7VUDHZTyj","passPercentage":-1}]}"#, 400,
                "/rules/0/passPercentage"
            ),
        ] as [(String, String, Int, String?)]
    )
    func `refuse what cannot be done and change nothing`(path: String, body: String, status: Int, pointer: String?)
        async throws
    {
        let server = try await TestServer()
        let before = try await server.server.control.changeCount()
        let answer = try await server.send(.patch, "/console/v1/gates/new_checkout\(path)", key: .console, body: body)
        #expect(answer.status.code == status)
        #expect(answer.json?["errors"]?.arrayValue?.first?["pointer"]?.stringValue == pointer)
        #expect(try await server.server.control.changeCount() == before)
    }
}
