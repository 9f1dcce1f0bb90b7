// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP

/// All routes of the server and what each asks for; a path that is not here is answered 404, whatever else knows it.
struct RouteTable: Sendable {
    /// The routes; where one stands is its number in metrics.
    let routes: [Route]
    private let byDepth: [[(index: Int, segments: [Segment])]]

    private enum Segment: Sendable {
        case text([UInt8])
        case any
    }

    /// A table of `routes`.
    init(_ routes: [Route]) {
        self.routes = routes
        var byDepth: [[(Int, [Segment])]] = []
        for (index, route) in routes.enumerated() {
            let segments: [Segment] = route.path.split(separator: "/").map {
                $0.hasPrefix("{") ? .any : .text(Array($0.utf8))
            }
            while byDepth.count <= segments.count { byDepth.append([]) }
            byDepth[segments.count].append((index, segments))
        }
        // Names before patterns, so that `gates/new` would be found before `gates/{name}`.
        self.byDepth = byDepth.map { list in
            list.sorted { Self.patterns($0.1) < Self.patterns($1.1) }.map { (index: $0.0, segments: $0.1) }
        }
    }

    private static func patterns(_ segments: [Segment]) -> Int {
        segments.reduce(0) { if case .any = $1 { $0 + 1 } else { $0 } }
    }

    /// Where the route with the pattern `path` stands; behind all if there is none.
    func number(of path: String) -> Int { routes.firstIndex { $0.path == path } ?? routes.count }

    /// Which route `path` belongs to.
    func match(_ path: UnsafeRawBufferPointer) -> Int? {
        var bounds: [Range<Int>] = []
        bounds.reserveCapacity(8)
        var start = 0
        for index in 0...path.count where index == path.count || path[index] == UInt8(ascii: "/") {
            if index > start { bounds.append(start..<index) }
            start = index + 1
        }
        guard bounds.count < byDepth.count else { return nil }
        return byDepth[bounds.count].first { entry in
            zip(entry.segments, bounds).allSatisfy { segment, bounds in
                switch segment {
                case .any: true
                case .text(let text): text.count == bounds.count && path[bounds].elementsEqual(text)
                }
            }
        }?.index
    }
}

extension RouteTable {
    /// What this server serves.
    static let floodgate = RouteTable(sdk + client + events + consoleAPI + console + operations)

    private static let json: [StaticText] = ["application/json", "text/plain", "application/octet-stream"]

    private static let sdk: [Route] = {
        let lookup = Route.BodyRule(limit: BodyLimit.evaluation, types: json)
        var routes: [Route] = []
        for path in [
            "/v1/download_config_specs", "/v1/download_config_specs/{key}", "/v2/download_config_specs",
            "/v2/download_config_specs/{key}",
        ] {
            routes.append(
                Route(
                    path: path,
                    methods: [.get, .post],
                    access: .keys([.server], unknownStatus: 403),
                    shedClass: .vital,
                    body: lookup,
                    timeout: .seconds(1),
                    allowsBrowsers: true
                )
            )
        }
        for path in ["/v1/get_id_lists", "/v1/get_id_lists/{key}"] {
            routes.append(
                Route(
                    path: path,
                    methods: [.get, .post],
                    access: .keys([.server], unknownStatus: 403),
                    shedClass: .vital,
                    body: lookup,
                    timeout: .seconds(1)
                )
            )
        }
        routes.append(
            Route(
                path: "/v1/download_id_list_file/{fileID}",
                methods: [.get],
                access: .keys([.server], unknownStatus: 403),
                shedClass: .vital,
                timeout: .seconds(1)
            )
        )
        return routes
    }()

    private static let client: [Route] =
        ["initialize", "check_gate", "get_config", "get_layer"].map { name in
            Route(
                path: "/v1/\(name)",
                methods: [.post],
                access: .keys([.server, .client], unknownStatus: 401),
                shedClass: Route.evaluationClass,
                evaluates: true,
                body: Route.BodyRule(limit: BodyLimit.evaluation, types: json, codings: ["gzip"]),
                timeout: .seconds(1),
                allowsBrowsers: true
            )
        } + [
            Route(
                path: "/v1/sdk_exception",
                methods: [.post],
                access: .keys([.server, .client], unknownStatus: 401),
                shedClass: .diagnostics,
                body: Route.BodyRule(limit: BodyLimit.evaluation, types: json, codings: ["gzip"]),
                timeout: .seconds(1),
                allowsBrowsers: true
            )
        ]

    private static let events: [Route] = ["log_event", "rgstr"].map { name in
        Route(
            path: "/v1/\(name)",
            methods: [.post],
            access: .keys([.server, .client], unknownStatus: 401),
            shedClass: .exposures,
            publicClass: .events,
            body: Route.BodyRule(limit: BodyLimit.events, types: json, codings: ["gzip", "zstd"]),
            timeout: .seconds(10),
            allowsBrowsers: true
        )
    }

    private static let consoleAPI: [Route] = {
        let change = Route.BodyRule(limit: BodyLimit.control, types: ["application/json"])
        func route(
            _ path: String,
            _ methods: [RequestHead.Method],
            _ shedClass: Route.ShedClass = .console
        ) -> Route {
            Route(
                path: "/console/v1/" + path,
                methods: methods,
                access: .keys([.console], unknownStatus: 401),
                shedClass: shedClass,
                body: change,
                isNative: true
            )
        }
        let lists = ["gates", "dynamic_configs", "experiments", "layers", "segments", "holdouts"]
        return lists.flatMap { [route($0, [.get]), route($0 + "/{id}", $0 == "gates" ? [.get, .patch] : [.get])] } + [
            route("gates/{id}/enable", [.put], .vital), route("gates/{id}/disable", [.put], .vital),
            route("gates/{id}/rules", [.get, .patch]), route("gates/{id}/rules/{ruleID}", [.get, .patch]),
        ]
    }()

    private static let console: [Route] = {
        let form = Route.BodyRule(limit: 64 << 10, types: ["application/x-www-form-urlencoded"])
        let pages = [
            "/", "/live", "/audit", "/gates/{name}", "/segments/{name}", "/holdouts/{name}", "/configs/{name}",
            "/experiments/{name}", "/layers/{name}",
        ]
        return pages.map { Route(path: $0, methods: [.get], access: .console, shedClass: .console) } + [
            Route(path: "/console/live", methods: [.get], access: .console, shedClass: .streams),
            Route(path: "/gates/{name}/toggle", methods: [.post], access: .console, shedClass: .vital, body: form),
            Route(path: "/gates/{name}/rollout", methods: [.post], access: .console, shedClass: .vital, body: form),
            Route(path: "/console/assets/{file}", methods: [.get], access: .open, shedClass: .console),
        ]
    }()

    private static let operations: [Route] = [
        Route(path: "/livez", methods: [.get], access: .open, shedClass: .vital),
        Route(path: "/readyz", methods: [.get], access: .open, shedClass: .vital),
        Route(path: "/metrics", methods: [.get], access: .console, shedClass: .diagnostics),
    ]
}
