// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Strictness of routes") struct StrictnessTests {
    @Test func `no path has two spellings`() async throws {
        let server = try await TestServer()
        for route in KeyWalk.routes where route.path != "/" && !route.path.hasSuffix("/") {
            let method = try #require(HTTPRequest.Method(route.method))
            let path = route.path
            let second = path.dropFirst().firstIndex(of: "/") ?? path.endIndex
            let last = try #require(path.lastIndex(of: "/"))
            let first = try #require(path.utf8.dropFirst().first)
            let spellings = [
                path + "/", "/" + path, path + "//", path[..<second] + "//" + path[second...].dropFirst(),
                path[..<last] + "/./" + path[last...].dropFirst(), "/x/.." + path,
                "/%" + String(first, radix: 16) + path.dropFirst(2), path + "%2F", path + ";a=b", path.uppercased(),
                "/" + path.dropFirst().replacing("/", with: "\\"),
            ]
            for spelling in spellings where spelling != path {
                // What stands in for a name is a name, however odd it looks.
                guard !route.pattern.hasSuffix("}") || spelling.hasSuffix("/") || spelling.contains("//") else {
                    continue
                }
                let answer = try await server.send(method, String(spelling), body: route.body)
                #expect([400, 404].contains(answer.status.code), "\(route.method) \(spelling)")
            }
        }
    }

    /// Routes that read JSON, each with a body that it takes.
    static let routes: [(method: HTTPRequest.Method, path: String, key: KeyKind, body: String)] = [
        (.post, "/v1/download_config_specs", .server, "{\"sinceTime\":0}"),
        (.post, "/v2/download_config_specs", .server, "{\"sinceTime\":0}"), (.post, "/v1/get_id_lists", .server, "{}"),
        (.post, "/v1/initialize", .client, "{\"user\":{\"userID\":\"u\"}}"),
        (.post, "/v1/check_gate", .client, "{\"user\":{},\"gateName\":\"pay_later\"}"),
        (.post, "/v1/get_config", .client, "{\"user\":{},\"configName\":\"catalog_page\"}"),
        (.post, "/v1/get_layer", .client, "{\"user\":{},\"layerName\":\"search_page\"}"),
        (.post, "/v1/log_event", .client, "{\"events\":[]}"), (.post, "/v1/rgstr", .client, "{\"events\":[]}"),
        (.patch, "/console/v1/gates/pay_later", .console, "{\"isEnabled\":true}"),
        (.put, "/console/v1/gates/pay_later/enable", .console, "{}"),
        (.put, "/console/v1/gates/pay_later/disable", .console, "{}"),
    ]

    @Test(arguments: 0..<routes.count) func `what is not JSON in UTF-8 is refused`(index: Int) async throws {
        let (method, path, key, body) = Self.routes[index]
        let server = try await TestServer()
        let good = try await server.send(method, path, key: key, body: body)
        #expect([200, 202].contains(good.status.code), "\(path): \(good.text)")
        let batches = try await server.log.counts().batches
        let open = String(body.dropLast()) + (body == "{}" ? "" : ",")
        let utf8 = Array(body.utf8)
        func wide(_ before: Int, _ after: Int) -> [UInt8] {
            utf8.flatMap { [UInt8](repeating: 0, count: before) + [$0] + [UInt8](repeating: 0, count: after) }
        }
        let bad: [(String, [UInt8])] =
            [
                ("a byte order mark", [0xEF, 0xBB, 0xBF] + utf8), ("UTF-16LE", wide(0, 1)), ("UTF-16BE", wide(1, 0)),
                ("UTF-16LE with its mark", [0xFF, 0xFE] + wide(0, 1)), ("UTF-32LE", wide(0, 3)),
                ("UTF-32BE", wide(3, 0)),
                ("a second value", utf8 + Array("{}".utf8)), ("text behind", utf8 + [0x78]), ("NUL behind", utf8 + [0]),
                ("a comma behind the last member", Array("\(open)}".utf8) + (body == "{}" ? [0x2C] : [])),
                ("no end", Array(utf8.dropLast())), ("a list", Array("[]".utf8)), ("a text", Array("\"\"".utf8)),
                ("only blanks", Array("  ".utf8)),
            ]
            + [
                "1e400", "-1e999", "NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "-", "1e", "0x1",
                "'a'", "\"\\x\"", "\"\\u12\"", "\"\n\"", "\"\u{0}\"", "tru", "undefined", "[1,]", "{\"a\"}", "/**/1",
                String(repeating: "[", count: 64) + String(repeating: "]", count: 64),
            ].map { ($0, Array("\(open)\"other\":\($0)}".utf8)) }
            + [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]].map { bytes in
                ("bytes \(bytes)", Array("\(open)\"other\":\"".utf8) + bytes + Array("\"}".utf8))
            }
        for (what, bytes) in bad {
            let answer = try await server.send(method, path, key: key, bytes: bytes)
            #expect(answer.status == .badRequest, "\(path): \(what)")
            #expect(answer.headers[.contentType] == "application/problem+json", "\(path): \(what)")
        }
        #expect(try await server.log.counts().batches == batches)
    }

    @Test(arguments: 0..<routes.count)
    func `a member that stands twice is refused in changes, and the last one elsewhere counts`(
        index: Int
    ) async throws {
        let (method, path, key, body) = Self.routes[index]
        let server = try await TestServer()
        let open = String(body.dropLast()) + (body == "{}" ? "" : ",")
        for twice in ["\"x\":1,\"x\":1", "\"x\":1,\"\\u0078\":2", "\"x\":{\"y\":1,\"y\":1}"] {
            let answer = try await server.send(method, path, key: key, body: "\(open)\(twice)}")
            let status = answer.status.code
            #expect(key == .console ? status == 400 : [200, 202].contains(status), "\(path) \(twice): \(answer.text)")
        }
        guard key == .console else { return }
        let gate = try await server.server.control.entity(.gate, "pay_later")
        #expect(gate.isEnabled, "nothing was changed")
    }

    @Test func `half an emoji costs nobody an event or an answer`() async throws {
        let server = try await TestServer()
        let event = #"{"events":[{"eventName":"typed","value":"so \ud83d","user":{"userID":"\ude00u"},"time":1}]}"#
        #expect(try await server.send(.post, "/v1/log_event", key: .client, body: event).status == .accepted)
        let kept = try await server.log.read(after: 0, limit: 1).first?.unpack().events.first
        #expect(kept?.value == "so \u{FFFD}")
        #expect(kept?.user?["userID"] == "\u{FFFD}u")
        let question = #"{"user":{"userID":"\ude00u"},"gateName":"free_returns"}"#
        let answer = try await server.send(.post, "/v1/check_gate", key: .server, body: question)
        #expect(answer.json?["value"] == true)
        let change = #"{"isEnabled":true,"description":"\ud83d"}"#
        let refused = try await server.send(.patch, "/console/v1/gates/pay_later", key: .console, body: change)
        #expect(refused.status == .badRequest)
        #expect(refused.json?["code"] == "malformed")
    }

    @Test func `a form that names a field twice changes nothing`() async throws {
        let server = try await TestServer()
        let answer = try await server.send(
            .post,
            "/gates/pay_later/toggle",
            headers: [.contentType: "application/x-www-form-urlencoded"],
            body: "enabled=true&enabled=false&reason=test"
        )
        #expect(answer.status == .badRequest)
        #expect(try await server.server.control.entity(.gate, "pay_later").isEnabled)
    }
}
