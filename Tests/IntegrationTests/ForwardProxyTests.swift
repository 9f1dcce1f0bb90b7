// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

/// An edge as the upstream of Statsig's forward proxy, which speaks HTTP/2 with prior knowledge, and as one itself for clients
/// that speak HTTP/2: here `curl`.
@Suite("Edges and HTTP/2") struct ForwardProxyTests {
    /// How a client begins.
    enum Kind: String, CaseIterable, Sendable {
        case priorKnowledge, tls

        var arguments: [String] {
            switch self {
            case .priorKnowledge: ["--http2-prior-knowledge"]
            // The certificate is of this run alone.
            case .tls: ["--http2", "--insecure"]
            }
        }
    }

    /// What came back.
    private struct Answer {
        let head: String
        let body: String
        var json: JSONValue? { try? JSONValue(parsing: Array(body.utf8)) }
        /// The header field with a lower-case name.
        func field(_ name: String) -> String? {
            head.split(separator: "\r\n").first { $0.hasPrefix(name + ": ") }.map {
                String($0.dropFirst(name.count + 2))
            }
        }
    }

    /// `curl` got nothing that has a head.
    private struct NoAnswer: Error, CustomStringConvertible { let description: String }

    private static func curl(_ kind: Kind, _ arguments: [String]) -> (path: String, arguments: [String]) {
        ("/usr/bin/env", ["curl", "-sS", "-i", "-N"] + kind.arguments + arguments)
    }

    private static func ask(_ kind: Kind, _ url: String, _ arguments: String...) async throws -> Answer {
        let (path, all) = curl(kind, ["--max-time", "20", url] + arguments)
        let outcome = try await Program.run(path, all)
        guard let end = outcome.output.range(of: "\r\n\r\n") else { throw NoAnswer(description: "\(outcome)") }
        let head = String(outcome.output[..<end.lowerBound])
        try #require(head.hasPrefix("HTTP/2 "), "\(head)")
        return Answer(head: head, body: String(outcome.output[end.upperBound...]))
    }

    /// A server and an edge behind it that speaks as `kind` asks for, and the edge's address.
    private static func start(_ kind: Kind) async throws -> (server: RunningServer, edge: RunningServer, url: String) {
        let server = try await RunningServer.start()
        let key = try await Program.text("keys", "create", "edge", "--data", server.data)
        let signing = try await Program.text("signing", "show", "--data", server.data)
        let rootKey = try #require(
            signing.split(separator: "\n").first { $0.hasPrefix("Root key") }?.split(separator: " ").last
        )
        var arguments = ["--upstream", server.url, "--key", key, "--root-key", String(rootKey)]
        let folder = try TemporaryFolder()
        if kind == .tls {
            let (certificate, privateKey) = (folder.path + "/certificate.pem", folder.path + "/key.pem")
            let made = try await Program.run(
                "/usr/bin/env",
                [
                    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=edge", "-keyout", privateKey, "-out", certificate,
                ]
            )
            try #require(made.status == 0, "\(made)")
            arguments += ["--tls-certificate", certificate, "--tls-key", privateKey]
        }
        let edge = try RunningServer.launch(in: folder, command: "edge", arguments: arguments)
        let url = (kind == .tls ? "https" : "http") + "://127.0.0.1:\(edge.port)"
        let isReady = await eventually(within: 30) {
            (try? await ask(kind, url + "/readyz"))?.head.hasPrefix("HTTP/2 200") ?? false
        }
        try #require(isReady, "The edge does not get ready: \(edge.child.errors)")
        return (server, edge, url)
    }

    @Test(arguments: Kind.allCases)
    func `a client gets specs of both shapes, ID lists and their parts`(kind: Kind) async throws {
        let (server, edge, url) = try await Self.start(kind)
        let key = try await server.key("server")
        let v2 = try await Self.ask(
            kind,
            "\(url)/v2/download_config_specs/\(key).json?sinceTime=0&supports_proto=false"
        )
        #expect(v2.head.hasPrefix("HTTP/2 200"))
        #expect(v2.json?["has_updates"] == true && v2.json?["response_format"] == "dcs-v2")
        // What the proxy takes for the time of what it has, and what it must never be told of news.
        let time = try #require(v2.json?["time"]?.integerValue)
        #expect(v2.field("x-since-time") == String(time) && v2.field("x-cache-hit") != "true")
        let v1 = try await Self.ask(kind, "\(url)/v1/download_config_specs/\(key).json", "--compressed")
        #expect(v1.json?["time"]?.integerValue == time && v1.json?["response_format"] != "dcs-v2")
        #expect(v1.field("content-encoding") != nil)
        let names = { (answer: Answer) -> Set<String> in
            let gates = answer.json?["feature_gates"]
            // The second shape has them by their names.
            return Set(
                gates?.objectValue?.map(\.name) ?? gates?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
            )
        }
        #expect(names(v1) == names(v2) && names(v1).count >= 6)
        let known = try await Self.ask(kind, "\(url)/v2/download_config_specs/\(key).json?sinceTime=\(time)")
        #expect(known.json == ["has_updates": false])
        let posted = try await Self.ask(
            kind,
            url + "/v2/download_config_specs",
            "-H",
            "statsig-api-key: \(key)",
            "-H",
            "content-type: application/json",
            "-d",
            #"{"sinceTime":0}"#
        )
        #expect(posted.json?["time"]?.integerValue == time)

        let lists = try await Self.ask(kind, url + "/v1/get_id_lists", "-H", "statsig-api-key: \(key)", "-X", "POST")
        let list = try #require(lists.json?["beta_testers"])
        let file = try #require(list["url"]?.stringValue)
        #expect(file.hasPrefix(url), "lists are fetched from where they were asked for")
        let whole = try await Self.ask(kind, file, "-H", "statsig-api-key: \(key)")
        #expect(Int64(whole.body.utf8.count) == list["size"]?.integerValue && whole.body.hasPrefix("+"))
        let part = try await Self.ask(kind, file, "-H", "statsig-api-key: \(key)", "-r", "10-19")
        #expect(part.head.hasPrefix("HTTP/2 206") && part.body == String(whole.body.dropFirst(10).prefix(10)))

        let logged = try await Self.ask(
            kind,
            url + "/v1/log_event",
            "-H",
            "statsig-api-key: \(key)",
            "-H",
            "content-type: application/json",
            "-d",
            #"{"events":[{"eventName":"through_the_edge","time":1750000000000,"user":{"userID":"u"}}]}"#
        )
        #expect(logged.head.hasPrefix("HTTP/2 202"))
        let arrived = await eventually(within: 20) {
            ((try? await server.events()) ?? []).contains { $0["eventName"] == "through_the_edge" }
        }
        #expect(arrived)
        #expect(try await Self.ask(kind, url + "/v2/download_config_specs/secret-no.json").head.hasPrefix("HTTP/2 403"))
        await edge.stop()
        await server.stop()
    }

    @Test(arguments: Kind.allCases)
    func `a client hears of changes by a stream`(kind: Kind) async throws {
        let (server, edge, url) = try await Self.start(kind)
        let key = try await server.key("server")
        let (path, arguments) = Self.curl(kind, [url + "/v2/stream_config_specs", "-H", "statsig-api-key: \(key)"])
        let stream = try ChildProcess(path, arguments)
        let hasBegun = await eventually(within: 20) { stream.output.contains("event: specs") }
        #expect(hasBegun && stream.output.hasPrefix("HTTP/2 200"))
        let before = stream.output.components(separatedBy: "event: ").count
        _ = try await Program.text("gate", "disable", "new_checkout", "--data", server.data, "--reason", "test")
        let hasHeard = await eventually(within: 20) {
            stream.output.components(separatedBy: "event: ").count > before
        }
        #expect(hasHeard)
        stream.kill(SIGTERM)
        await edge.stop()
        await server.stop()
    }
}
