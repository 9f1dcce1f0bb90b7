// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateGzip
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Config specs routes") struct ConfigSpecsRouteTests {
    @Test(arguments: ["v1", "v2"])
    func `give the specs however the key comes`(version: String) async throws {
        let server = try await TestServer()
        let key = server.key(.server)
        let path = "/\(version)/download_config_specs"
        let answers = [
            try await server.send(.get, "\(path)/\(key).json"),
            try await server.send(.get, "\(path)/\(key).js"),
            try await server.send(.get, "\(path)/\(key)?supports_proto=true&accept_deltas=true"),
            try await server.send(.get, "\(path)?k=\(key)&st=js&sv=1&t=1&sid=x"),
            try await server.send(.get, path, key: .server),
            try await server.send(.get, "\(path)/wrong.json", key: .server),
            try await server.send(.post, path, key: .server, body: ""),
            try await server.send(.post, path, key: .server, body: #"{"sinceTime":0}"#),
            try await server.send(.post, path, key: .server, body: #"{"sinceTime":null,"statsigMetadata":{}}"#),
        ]
        for answer in answers {
            #expect(answer.status == .ok)
            let document = try #require(answer.json)
            #expect(document["has_updates"] == true)
            let gates = try #require(document["feature_gates"])
            #expect((gates.arrayValue != nil) == (version == "v1"))
            #expect((gates.objectValue != nil) == (version == "v2"))
            #expect(answer.headers[.contentType] == "application/json")
            #expect(answer.headers[.sinceTime] == document["time"]?.integerValue.map(String.init))
            #expect(answer.headers[.eTag] == document["checksum"]?.stringValue.map { "\"\($0)\"" })
            #expect(answer.headers[.vary]?.contains("Accept-Encoding") == true)
            #expect(answer.headers[.contentLength] == String(answer.bytes.count))
            #expect(answer.headers[.contentEncoding] == nil)
        }
        #expect(answers[0].headers[.cacheControl] == "private, max-age=0, must-revalidate")
    }

    @Test(arguments: ["v1", "v2"])
    func `answer before all forms of a document are made as they do afterwards on the event loop`(version: String)
        async throws
    {
        let server = try await TestServer()
        let seal = try #require(HTTPField.Name("floodgate-snapshot"))
        let requests: [HTTPFields] = [[:], [.acceptEncoding: "gzip"], [.acceptEncoding: "gzip", seal: "signed"]]
        func ask() async throws -> [TestResponse] {
            var answers: [TestResponse] = []
            for headers in requests {
                let path = "/\(version)/download_config_specs"
                answers.append(try await server.send(.get, path, key: .server, headers: headers))
            }
            return answers
        }
        let before = try await ask()
        await server.server.plane.completeAnswers()
        let after = try await ask()
        #expect(before.contains { $0.headers[.requestID] != nil })
        #expect(after.allSatisfy { $0.headers[.requestID] == nil }, "answers of the event loop have no number")
        for (first, second) in zip(before, after) {
            #expect(first.status == second.status && first.body == second.body)
            func fields(_ answer: TestResponse) -> Set<String> {
                Set(answer.headers.filter { $0.name != .requestID }.map { "\($0.name.canonicalName): \($0.value)" })
            }
            #expect(fields(first) == fields(second))
        }
    }

    @Test func `say how long ago the document was known to be the newest`() async throws {
        let server = try await TestServer()
        func age(_ accepted: String? = nil) async throws -> String? {
            let headers: HTTPFields = accepted.map { [.acceptEncoding: $0] } ?? [:]
            let answer = try await server.send(.get, "/v2/download_config_specs", key: .server, headers: headers)
            return HTTPField.Name("floodgate-age").flatMap { answer.headers[$0] }
        }
        #expect(try await age() == "0")
        #expect(try await age("gzip") == "0")
        server.clock.advance(milliseconds: 61_500)
        // As it is written down every two seconds, for the answers of event loops.
        server.server.plane.showAges()
        #expect(try await age() == "61")
        #expect(try await age("gzip") == "61")
        try await server.publish()
        server.server.plane.showAges()
        #expect(try await age() == "0")
    }

    @Test(arguments: ["v1", "v2"])
    func `say that there is nothing new with 200 and a body`(version: String) async throws {
        let server = try await TestServer()
        let path = "/\(version)/download_config_specs/\(server.key(.server)).json"
        let document = try #require(try await server.send(.get, path).json)
        let time = try #require(document["time"]?.integerValue)
        let checksum = try #require(document["checksum"]?.stringValue)
        for query in [
            "sinceTime=\(time)", "sinceTime=\(time)&checksum=\(checksum)", "checksum=\(checksum)&sinceTime=\(time + 1)",
        ] {
            let answer = try await server.send(.get, "\(path)?\(query)", headers: [.acceptEncoding: "gzip"])
            #expect(answer.status == .ok)
            #expect(answer.text == #"{"has_updates":false}"#)
            #expect(answer.headers[.contentEncoding] == nil)
            #expect(answer.headers[.cacheControl] == "no-store")
        }
        let posted = try await server.send(
            .post,
            "/\(version)/download_config_specs",
            key: .server,
            body: #"{"sinceTime":\#(time)}"#
        )
        #expect(posted.text == #"{"has_updates":false}"#)
        for query in ["sinceTime=\(time - 1)", "sinceTime=\(time)&checksum=x", "sinceTime=-1", "sinceTime="] {
            #expect(try await server.send(.get, "\(path)?\(query)").json?["has_updates"] == true)
        }
    }

    /// No SDK sends `If-None-Match`; caches between it and the server do.
    @Test(arguments: ["?", "?k=x&"])
    func `say 304 to who names the tag, and to nobody else`(query: String) async throws {
        let server = try await TestServer()
        // The second query is not for the fast lane, and is answered alike.
        let path = "/v2/download_config_specs/\(server.key(.server)).json\(query)"
        let tag = try #require(try await server.send(.get, path, key: .server).headers[.eTag])
        for header in [tag, "W/\(tag)", "\"a\", \(tag)", "\"a\",W/\"b\" , \(tag)", "*"] {
            let answer = try await server.send(.get, path, key: .server, headers: [.ifNoneMatch: header])
            #expect(answer.status == .notModified, "\(header)")
            #expect(answer.bytes.isEmpty)
            #expect(answer.headers[.eTag] == tag)
            #expect(answer.headers[.sinceTime] != nil)
        }
        for header in ["\"a\"", String(tag.dropLast()), String(tag.dropFirst()), "", "W/", "*, *", "\"\(tag)\""] {
            let answer = try await server.send(.get, path, key: .server, headers: [.ifNoneMatch: header])
            #expect(answer.status == .ok, "\(header)")
            #expect(answer.json?["has_updates"] == true)
        }
        let time = try #require(try await server.send(.get, path, key: .server).headers[.sinceTime])
        let poll = try await server.send(.get, "\(path)sinceTime=\(time)", key: .server, headers: [.ifNoneMatch: tag])
        #expect(poll.status == .ok)
        #expect(poll.text == #"{"has_updates":false}"#)
    }

    @Test(arguments: [
        ("statsig-br, gzip, deflate, br", true), ("gzip, deflate, br", true), ("gzip;q=0, br", false), ("br", false),
        ("statsig-br", false), ("*", false),
    ])
    func `compress with gzip alone`(header: String, isCompressed: Bool) async throws {
        let server = try await TestServer()
        let answer = try await server.send(
            .get,
            "/v2/download_config_specs",
            key: .server,
            headers: [.acceptEncoding: header]
        )
        #expect(answer.headers[.contentEncoding] == (isCompressed ? "gzip" : nil))
        let bytes = isCompressed ? try Gzip.decompress(answer.bytes, limit: 1 << 20) : answer.bytes
        #expect(try JSONValue(parsing: bytes)["has_updates"] == true)
    }

    @Test(arguments: ["sinceTime=abc", "sinceTime=1.5", "sinceTime=1750000000000x"])
    func `refuse a time that is none`(query: String) async throws {
        let server = try await TestServer()
        let answer = try await server.send(.get, "/v2/download_config_specs?\(query)", key: .server)
        #expect(answer.status == .badRequest)
        #expect(answer.json?["status"] == 400)
    }

    @Test(arguments: ["{", "[]", "\"x\"", "{\"sinceTime\":\"abc\"}", "{\"sinceTime\":{}}", "{\"sinceTime\":1.5}"])
    func `refuse a body that is none`(body: String) async throws {
        let server = try await TestServer()
        let answer = try await server.send(.post, "/v1/download_config_specs", key: .server, body: body)
        #expect(answer.status == .badRequest)
    }

    @Test func `answer HEAD with the headers of GET`() async throws {
        let server = try await TestServer()
        let whole = try await server.send(.get, "/v2/download_config_specs", key: .server)
        let head = try await server.send(.head, "/v2/download_config_specs", key: .server)
        #expect(head.status == .ok)
        #expect(head.bytes.isEmpty)
        #expect(head.headers[.contentLength] == whole.headers[.contentLength])
    }

    @Test func `give what was changed, later and with another checksum`() async throws {
        let server = try await TestServer()
        let before = try #require(try await server.send(.get, "/v2/download_config_specs", key: .server).json)
        let change = try await server.send(.put, "/console/v1/gates/new_checkout/disable", key: .console)
        #expect(change.status == .ok)
        try await server.publish()
        let after = try #require(try await server.send(.get, "/v2/download_config_specs", key: .server).json)
        #expect(after["feature_gates"]?["new_checkout"]?["rules"] == [])
        let times = (try #require(before["time"]?.integerValue), try #require(after["time"]?.integerValue))
        #expect(times.1 > times.0, "the clock stands still, time must rise all the same")
        #expect(before["checksum"] != after["checksum"])
    }

    @Test func `are found under a path prefix and without it`() async throws {
        let server = try await TestServer { $0.pathPrefix = "/flags" }
        let path = "/v2/download_config_specs/\(server.key(.server)).json"
        for prefix in ["/flags", ""] {
            #expect(try await server.send(.get, prefix + path).status == .ok)
        }
        #expect(try await server.send(.get, "/flagsx" + path).status == .notFound)
        let lists = try await server.send(.get, "/flags/v1/get_id_lists", key: .server)
        let url = lists.json?["beta_testers"]?["url"]?.stringValue
        #expect(url?.hasPrefix("http://localhost/flags/v1/download_id_list_file/") == true)
    }
}
