// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("ID list routes") struct IDListRouteTests {
    @Test func `tell of lists however they are asked`() async throws {
        let server = try await TestServer()
        let answers = [
            try await server.send(.post, "/v1/get_id_lists", key: .server, body: ""),
            try await server.send(.post, "/v1/get_id_lists", key: .server, bytes: nil),
            try await server.send(
                .post,
                "/v1/get_id_lists",
                key: .server,
                body: #"{"statsigMetadata":{"sdkType":"py"}}"#
            ),
            try await server.send(.get, "/v1/get_id_lists/\(server.key(.server)).json"),
        ]
        for answer in answers {
            #expect(answer.status == .ok)
            let list = try #require(answer.json?["beta_testers"])
            #expect(list["name"] == "beta_testers")
            #expect(list["creationTime"]?.integerValue ?? 0 > 0)
            let id = try #require(list["fileID"]?.stringValue)
            #expect(list["url"]?.stringValue == "http://localhost/v1/download_id_list_file/\(id)")
        }
    }

    @Test func `use the public address if there is one`() async throws {
        let server = try await TestServer { $0.publicURL = "https://flags.example.com/x" }
        let url = try await server.send(.get, "/v1/get_id_lists", key: .server).json?["beta_testers"]?["url"]?
            .stringValue
        #expect(url?.hasPrefix("https://flags.example.com/x/v1/download_id_list_file/") == true)
    }

    @Test func `serve files in ranges`() async throws {
        let server = try await TestServer()
        let list = try #require(try await server.send(.get, "/v1/get_id_lists", key: .server).json?["beta_testers"])
        let path = "/v1/download_id_list_file/" + (list["fileID"]?.stringValue ?? "")
        let size = Int(list["size"]?.integerValue ?? 0)
        let whole = try await server.send(.get, path, key: .server)
        #expect(whole.status == .ok)
        #expect(whole.bytes.count == size)
        #expect(whole.text.split(separator: "\n").allSatisfy { $0.count == 9 && $0.hasPrefix("+") })
        #expect(whole.headers[.acceptRanges] == "bytes")
        #expect(whole.headers[.contentLength] == String(size))

        let ranges = [("bytes=0-", 0..<size), ("bytes=10-", 10..<size), ("bytes=10-19", 10..<20)]
        for (header, range) in ranges {
            let part = try await server.send(
                .get,
                path,
                key: .server,
                headers: [.range: header, .acceptEncoding: "gzip"]
            )
            #expect(part.status == .partialContent)
            #expect(part.bytes == Array(whole.bytes[range]))
            #expect(part.headers[.contentRange] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)")
            #expect(part.headers[.contentLength] == String(range.count))
            #expect(part.headers[.contentEncoding] == nil)
        }
        let beyond = try await server.send(.get, path, key: .server, headers: [.range: "bytes=\(size)-"])
        #expect(beyond.status == .rangeNotSatisfiable)
        #expect(beyond.headers[.contentRange] == "bytes */\(size)")
        #expect(try await server.send(.get, "/v1/download_id_list_file/nope", key: .server).status == .notFound)
    }

    @Test func `send no more than the manifest told`() async throws {
        let server = try await TestServer()
        let list = try #require(try await server.send(.get, "/v1/get_id_lists", key: .server).json?["beta_testers"])
        let path = "/v1/download_id_list_file/" + (list["fileID"]?.stringValue ?? "")
        let headers: HTTPFields = [.range: "bytes=10-", .idListFileSize: "30"]
        let part = try await server.send(.get, path, key: .server, headers: headers)
        #expect(part.bytes.count == 20)
    }

    @Test(arguments: [
        ("bytes=0-0", 206), ("bytes=-1", 206), ("bytes=-0", 416), ("bytes=99999-", 416), ("bytes=1-0", 200),
        ("bytes=0-99999999999999999999999999", 206), ("bytes=99999999999999999999999999-", 416),
        ("bytes=-99999999999999999999999999", 206), ("bytes=18446744073709551615-18446744073709551616", 416),
        ("bytes=0-0,1-1", 200), ("bytes=" + (0..<1_000).map { "\($0)-\($0)" }.joined(separator: ","), 200),
        ("bytes=0-,0-,0-", 200), ("bytes=" + String(repeating: "0-,", count: 3_000), 200), ("items=0-1", 200),
        ("bytes=0x1-", 200), ("bytes=１-", 200), ("bytes", 200), ("=0-", 200), ("bytes=--1", 200), ("bytes= - ", 200),
    ])
    func `bear with every range, in both lanes`(range: String, status: Int) async throws {
        let server = try await TestServer()
        let list = try #require(try await server.send(.get, "/v1/get_id_lists", key: .server).json?["beta_testers"])
        let path = "/v1/download_id_list_file/" + (list["fileID"]?.stringValue ?? "")
        let whole = try await server.send(.get, path, key: .server)
        // The key in the query takes the long way.
        for (path, key) in [(path, KeyKind.server), ("\(path)?k=\(server.key(.server))", nil)] {
            let answer = try await server.send(.get, path, key: key, headers: [.range: range])
            #expect(answer.status.code == status)
            switch status {
            case 200: #expect(answer.bytes == whole.bytes && answer.headers[.contentRange] == nil)
            case 206:
                #expect(answer.headers[.contentRange]?.hasSuffix("/\(whole.bytes.count)") == true)
                #expect(answer.headers[.contentLength] == String(answer.bytes.count))
            default: #expect(answer.headers[.contentRange] == "bytes */\(whole.bytes.count)")
            }
            let head = try await server.send(.head, path, key: key, headers: [.range: range])
            #expect(head.status == .ok, "HEAD has no ranges")
            #expect(head.headers[.contentLength] == String(whole.bytes.count))
            #expect(head.bytes.isEmpty)
            let conditional = try await server.send(.get, path, key: key, headers: [.range: range, .ifRange: "\"x\""])
            #expect(conditional.status == .ok, "no validator matches")
            #expect(conditional.bytes == whole.bytes)
        }
    }

    @Test func `refuse a body that is no JSON object`() async throws {
        let server = try await TestServer()
        #expect(try await server.send(.post, "/v1/get_id_lists", key: .server, body: "nope").status == .badRequest)
    }
}
