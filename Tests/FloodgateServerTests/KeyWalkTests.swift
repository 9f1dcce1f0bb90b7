// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs
import HTTPTypes
import Testing

/// Every route with every kind of key in every state, against a table that is written out here.
@Suite("Keys on every route") struct KeyWalkTests {
    /// What a request shows.
    enum Shown: Hashable {
        /// A good key; of the other environment, if it says so.
        case good(KeyKind, environment: String)
        case revoked(KeyKind)
        case expired(KeyKind)
        /// A good key of another project.
        case foreign(KeyKind)
        case unknown
        case nothing

        static let all: [Shown] =
            KeyKind.allCases.flatMap { kind -> [Shown] in
                [
                    .good(kind, environment: "production"), .good(kind, environment: "development"), .revoked(kind),
                    .expired(kind), .foreign(kind),
                ]
            } + [.unknown, .nothing]
    }

    /// Where a request shows it.
    enum Place: CaseIterable {
        case header, query, path, bearer, apiKey

        /// Whether the route looks for a key there.
        func isLooked(at route: KeyWalk) -> Bool {
            switch self {
            case .header, .path: true
            case .query: route.access != .native && route.access != .flags
            case .bearer, .apiKey: route.access == .flags || route.access == .flagStream
            }
        }
    }

    /// A server with a key for each thing that can be shown.
    private static func server(
        _ change: (inout ServerSettings) -> Void = { _ in }
    ) async throws -> (server: TestServer, keys: [Shown: String]) {
        let server = try await TestServer {
            $0.failedRequests = .init(perSecond: 100_000, burst: 100_000)
            change(&$0)
        }
        let other = try await TestServer()
        let change = Change(actor: "test")
        let control = server.server.control
        // The other environment's specs are of another time.
        server.clock.advance(milliseconds: 10)
        var update = ControlUpdate(base: try await control.changeCount(), change: change, time: server.clock.now)
        update.addedEnvironments = ["development"]
        try await server.store.commit(update)
        var keys: [Shown: String] = [.unknown: "secret-nobody-knows-this-one"]
        for kind in KeyKind.allCases {
            for environment in ["production", "development"] {
                keys[.good(kind, environment: environment)] =
                    try await control.createKey(kind, environment: environment, by: change).text
            }
            keys[.foreign(kind)] =
                try await other.server.control.createKey(kind, environment: "production", by: change).text
            let revoked = try await control.createKey(kind, environment: "production", by: change).text
            try await control.revokeKey(revoked, by: change)
            keys[.revoked(kind)] = revoked
            keys[.expired(kind)] =
                try await control.createKey(kind, environment: "production", lifetime: 1, by: change).text
        }
        server.clock.advance(milliseconds: 1)
        try await server.publish()
        return (server, keys)
    }

    @Test func `no route is missing here, and none is here alone`() {
        let walked = KeyWalk.routes.map { "\($0.method) \($0.pattern)" }
        let served = RouteRules.all.flatMap { rule in rule.methods.map { "\($0) \(rule.path)" } }
        #expect(Set(walked) == Set(served))
        #expect(walked.count == served.count)
    }

    @Test(arguments: KeyWalk.routes.filter { $0.access != .console && $0.access != .open }, Place.allCases)
    func `a key opens the routes of its kind for as long as it is good`(route: KeyWalk, place: Place) async throws {
        let (server, keys) = try await Self.server()
        let isInPath = route.pattern.hasSuffix("/{key}")
        guard isInPath == (place == .path) else { return }
        for shown in Shown.all {
            if shown == .nothing, isInPath { continue }
            let key = keys[shown] ?? ""
            var headers: HTTPFields = [:]
            var path = route.path
            switch place {
            case .header: if shown != .nothing { headers[.sdkKey] = key }
            case .query: if shown != .nothing { path += "?k=" + key }
            case .path: path += key + ".json"
            case .bearer: if shown != .nothing { headers[.authorization] = "Bearer " + key }
            case .apiKey: if shown != .nothing { headers[try #require(HTTPField.Name("x-api-key"))] = key }
            }
            let isShown = shown != .nothing && place.isLooked(at: route)
            let (status, code) = route.expected(isShown ? shown : .nothing)
            // Browsers' requests go the long way even where an answer is ready.
            for origin in [nil, "https://shop.example"] {
                for method in route.method == "GET" ? ["GET", "HEAD"] : [route.method] {
                    headers[.origin] = origin
                    let answer = try await server.send(
                        try #require(HTTPRequest.Method(method)),
                        path,
                        headers: headers,
                        body: route.body
                    )
                    let what: Comment =
                        "\(method) \(route.pattern), \(shown) in the \(place), origin \(origin ?? "none")"
                    #expect(answer.status.code == status, what)
                    if let code, method != "HEAD" { #expect(answer.json?["code"]?.stringValue == code, what) }
                    if status == 401 { #expect(answer.headers[.wwwAuthenticate] != nil, what) }
                }
            }
        }
    }

    @Test func `a key of one environment gets that environment's specs`() async throws {
        let (server, keys) = try await Self.server()
        var times: Set<String> = []
        for environment in ["production", "development"] {
            let time = try await server.server.control.currentDocument(environment: environment).document.time
            times.insert(String(time))
            for origin in [nil, "https://shop.example"] {
                var headers: HTTPFields = [.sdkKey: keys[.good(.server, environment: environment)] ?? ""]
                headers[.origin] = origin
                let answer = try await server.send(.get, "/v2/download_config_specs", headers: headers)
                #expect(answer.headers[try #require(HTTPField.Name("x-since-time"))] == String(time))
            }
        }
        #expect(times.count == 2)
    }

    @Test(arguments: KeyWalk.routes.filter { $0.access == .console || $0.access == .open })
    func `the console's pages open to a console key as password alone, and to all on the machine itself`(
        route: KeyWalk
    ) async throws {
        let (server, keys) = try await Self.server { $0.listen = ListenAddress(host: "0.0.0.0", port: 8080) }
        let local = try await TestServer()
        let method = try #require(HTTPRequest.Method(route.method))
        for shown in Shown.all {
            var headers: HTTPFields = [:]
            if let key = keys[shown] { headers[.authorization] = "Basic " + ConsoleAccessTests.base64("ana:" + key) }
            headers[.contentType] = route.body == nil ? nil : "application/x-www-form-urlencoded"
            var isLetIn = route.access == .open
            if case .good(.console, _) = shown { isLetIn = true }
            let answer = try await server.send(method, route.path, headers: headers, body: route.body)
            #expect(answer.status.code == (isLetIn ? route.good : 401), "\(route.pattern), \(shown)")
            let there = try await local.send(method, route.path, headers: headers, body: route.body)
            #expect(there.status.code == route.good, "\(route.pattern), \(shown)")
            headers[.authorization] = nil
            headers[.sdkKey] = keys[shown]
            let asSDK = try await server.send(method, route.path, headers: headers, body: route.body)
            #expect(asSDK.status.code == (route.access == .open ? route.good : 401), "\(route.pattern), \(shown)")
        }
    }
}
