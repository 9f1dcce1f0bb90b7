// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateServer
import HTTPTypes
import Testing

/// A secret goes into every place of every request and must not come out again.
@Suite("Canary secrets") struct CanaryTests {
    private static let tail = "CaNaRy0123456789abcdefghijklmnopqrstuvwx"
    private static let canaries = KeyKind.allCases.map { $0.prefix + tail }

    /// Requests to `route` that hold `canary` somewhere each.
    private static func requests(
        _ route: KeyWalk,
        _ canary: String
    ) -> [(path: String, headers: HTTPFields, body: String?)] {
        let names = [
            "statsig-api-key", "authorization", "cookie", "user-agent", "referer", "x-forwarded-for", "x-request-id",
            "accept", "accept-encoding", "content-type", "content-encoding", "range", "if-none-match", "last-event-id",
            "statsig-sdk-type", "statsig-event-count", "x-statsig-id-list-file-size", "x-\(tail)",
        ]
        var requests: [(path: String, headers: HTTPFields, body: String?)] = []
        for name in names {
            guard let field = HTTPField.Name(name) else { continue }
            requests.append((route.path, [field: canary], route.body))
        }
        let basic = "Basic " + ConsoleAccessTests.base64("\(canary):\(canary)")
        requests.append((route.path, [.authorization: basic], route.body))
        requests.append((route.path, [.origin: "https://\(canary).example"], route.body))
        for query in ["k=\(canary)", "sinceTime=\(canary)", "\(canary)=1", "after=\(canary)", canary] {
            requests.append(("\(route.path)?\(query)", [:], route.body))
        }
        let folder = route.path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        for path in ["\(folder)/\(canary)", "\(route.path)/\(canary)", "/\(canary)\(route.path)"] {
            requests.append((path, [:], route.body))
        }
        guard route.method != "GET" else { return requests }
        let members = [
            "gateName", "configName", "layerName", "isEnabled", "rules", "name", "id", "sinceTime", "hash",
        ]
        for member in members {
            requests.append((route.path, [:], "{\"user\":{\"userID\":\"u\"},\"\(member)\":\"\(canary)\"}"))
        }
        for body in [
            canary, "{\"\(canary)\":1}", "{\"a\":\(canary)}", "{\"user\":\"\(canary)\"}", "[\"\(canary)\"]",
            "{\"user\":{\"userID\":\"\(canary)\",\"privateAttributes\":{\"a\":\"\(canary)\"}},\"gateName\":\"none\"}",
            "{\"events\":[\"\(canary)\"]}", "{\"events\":\"\(canary)\"}",
            "{\"events\":[{\"eventName\":\"\(canary)\",\"time\":\"\(canary)\"}]}",
            "{\"\(canary)\":1,\"\(canary)\":2}", "reason=\(canary)&enabled=\(canary)&percent=\(canary)",
        ] {
            requests.append((route.path, [:], body))
        }
        return requests
    }

    @Test(arguments: KeyWalk.routes) func `do not come back in errors, logs or metrics`(route: KeyWalk) async throws {
        let server = try await TestServer {
            $0.failedRequests = .init(perSecond: 100_000, burst: 100_000)
            $0.accessLog.mode = .all
            $0.accessLog.addresses = .full
        }
        let method = try #require(HTTPRequest.Method(route.method))
        var errors = 0
        // In turn, since the kind makes no difference to a route.
        let turn = KeyWalk.routes.firstIndex { $0.testDescription == route.testDescription } ?? 0
        let canary = Self.canaries[turn % Self.canaries.count]
        let keys: [KeyKind] = route.access == .native ? [.console] : route.access == .console ? [] : [.server]
        for (path, headers, body) in Self.requests(route, canary) {
            for key in [nil] + keys where key == nil || headers[.sdkKey] == nil {
                let answer = try await server.send(
                    method,
                    path,
                    key: key,
                    headers: headers,
                    body: route.method == "GET" ? nil : body
                )
                guard answer.status.code >= 400 else { continue }
                errors += 1
                let text = answer.text + answer.headers.map { "\($0)" }.joined()
                #expect(!text.contains(Self.tail), "\(route.method) \(path), \(headers), \(body ?? "")")
            }
        }
        #expect(errors >= 3)
        for line in server.lines.all { #expect(!line.contains(Self.tail)) }
        #expect(!server.lines.all.isEmpty)
        let metrics = try await server.send(.get, "/metrics")
        #expect(metrics.status == .ok)
        #expect(!metrics.text.contains(Self.tail))
    }
}
