// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP

extension RouteTable {
    /// What this server serves.
    static let floodgate = RouteTable(
        delivery + downloads + evaluation + flags + events + consoleAPI + console + operations
    )

    /// What an edge serves: all but authoring.
    static let edge = RouteTable(delivery + downloads + evaluation + flags + events + operations)

    /// As long as a question to the warehouse may take, and a moment more; commands wait for 70 s.
    private static let warehouseTime = Duration.seconds(65)

    private static let delivery: [Route] = [
        .page("/delivery/v1/{id}", .vital, access: .open),
        .page("/delivery/v1/{id}/manifest", .vital, access: .open),
        .page("/delivery/v1/{id}/kill", .vital, access: .open),
        .page("/delivery/v1/{id}/stream", .streams, access: .open),
        .page("/delivery/v1/objects/{hash}", .vital, access: .open),
        .edge("/edge/v1/state", [.get], .vital),
        .edge("/edge/v1/objects/{hash}", [.get], .vital),
        .edge("/edge/v1/events", [.post], .exposures),
        .edge("/edge/v1/fleet", [.post], .diagnostics),
    ]

    private static let downloads: [Route] = [
        .download("/v1/download_config_specs", allowsBrowsers: true),
        .download("/v1/download_config_specs/{key}", allowsBrowsers: true),
        .download("/v2/download_config_specs", allowsBrowsers: true),
        .download("/v2/download_config_specs/{key}", allowsBrowsers: true),
        .stream("/v2/stream_config_specs"),
        .use("/v2/report_config_specs"),
        .download("/v1/get_id_lists"),
        .download("/v1/get_id_lists/{key}"),
        .download("/v1/download_id_list_file/{fileID}", [.get], body: .none, kinds: [.server, .edge]),
    ]

    private static let evaluation: [Route] = [
        .evaluation("/v1/initialize", atOnce: true),
        .evaluation("/v1/check_gate"),
        .evaluation("/v1/get_config"),
        .evaluation("/v1/get_layer"),
        .evaluation("/v1/get_ranked_list"),
    ]

    private static let flags: [Route] = [
        .flags("/ofrep/v1/evaluate/flags"),
        .flags("/ofrep/v1/evaluate/flags/{flag}"),
        .flagStream("/ofrep/v1/stream"),
    ]

    private static let events: [Route] = [
        .events("/v1/log_event"),
        .events("/v1/rgstr"),
        .report("/v1/log_custom_exposure", .exposures),
        .report("/v1/webhooks/event_webhook", .exposures, kinds: [.server]),
        .report("/v1/sdk_exception", .diagnostics),
    ]

    private static let consoleAPI: [Route] = [
        .api("/console/v1/fleet", [.get]),
        .api("/console/v1/events/ledger", [.get], timeout: warehouseTime),
        .api("/console/v1/events/summary", [.get], timeout: warehouseTime),
        .api("/console/v1/events/live", [.get], .streams),
        .api("/console/v1/events/dead_letters", [.get], timeout: warehouseTime),
        .api("/console/v1/events/dead_letters/replay", [.post], timeout: warehouseTime),
        .api("/console/v1/events/forget", [.post], timeout: warehouseTime),
        .api("/console/v1/gates", [.get]),
        .api("/console/v1/gates/{id}", [.get, .patch]),
        .api("/console/v1/gates/{id}/enable", [.put], .vital),
        .api("/console/v1/gates/{id}/disable", [.put], .vital),
        .api("/console/v1/gates/{id}/rules", [.get, .patch]),
        .api("/console/v1/gates/{id}/rules/{ruleID}", [.get, .patch]),
        .api("/console/v1/id_lists", [.get, .post]),
        .api("/console/v1/id_lists/{id}", [.get, .delete]),
        .api("/console/v1/id_lists/{id}/ids", [.patch, .delete]),
        .api("/console/v1/dynamic_configs", [.get]),
        .api("/console/v1/dynamic_configs/{id}", [.get]),
        .api("/console/v1/experiments", [.get]),
        .api("/console/v1/experiments/{id}", [.get]),
        .api("/console/v1/layers", [.get]),
        .api("/console/v1/layers/{id}", [.get]),
        .api("/console/v1/segments", [.get]),
        .api("/console/v1/segments/{id}", [.get]),
        .api("/console/v1/holdouts", [.get]),
        .api("/console/v1/holdouts/{id}", [.get]),
    ]

    private static let console: [Route] = [
        .page("/"),
        .page("/live"),
        .page("/fleet"),
        .page("/audit"),
        .page("/gates/{name}"),
        .page("/segments/{name}"),
        .page("/holdouts/{name}"),
        .page("/configs/{name}"),
        .page("/experiments/{name}"),
        .page("/layers/{name}"),
        .page("/console/live", .streams),
        .page("/console/assets/{file}", access: .open),
        .form("/gates/{name}/toggle"),
        .form("/gates/{name}/rollout"),
    ]

    private static let operations: [Route] = [
        .page("/livez", .vital, access: .open),
        .page("/readyz", .vital, access: .open),
        .page("/readyz/intake", .vital, access: .open),
        .page("/metrics", .diagnostics),
    ]
}

extension Route {
    /// What SDKs call JSON.
    private static let json: [StaticText] = ["application/json", "text/plain", "application/octet-stream"]

    /// What server SDKs need in order to evaluate; a body says what they hold already.
    fileprivate static func download(
        _ path: String,
        _ methods: [RequestHead.Method] = [.get, .post],
        body: BodyRule = BodyRule(limit: BodyLimit.evaluation, types: json),
        allowsBrowsers: Bool = false,
        kinds: Set<KeyKind> = [.server]
    ) -> Route {
        Route(
            path: path,
            methods: methods,
            access: .keys(kinds, unknownStatus: 403),
            shedClass: .vital,
            body: body,
            timeout: .seconds(1),
            allowsBrowsers: allowsBrowsers
        )
    }

    /// What edges ask for.
    fileprivate static func edge(_ path: String, _ methods: [RequestHead.Method], _ shedClass: ShedClass) -> Route {
        Route(
            path: path,
            methods: methods,
            access: .keys([.edge], unknownStatus: 401),
            shedClass: shedClass,
            body: methods == [.post]
                ? BodyRule(limit: BodyLimit.events, types: ["application/json"], codings: ["zstd"]) : .none,
            timeout: .seconds(30)
        )
    }

    /// Changes as they come; a client that is refused polls, and only repeats what may change its mind.
    fileprivate static func stream(_ path: String) -> Route {
        Route(
            path: path,
            methods: [.get],
            access: .keys([.server], unknownStatus: 403),
            shedClass: .streams,
            timeout: .seconds(1)
        )
    }

    /// What SDKs say of the specs that they use.
    fileprivate static func use(_ path: String) -> Route {
        Route(
            path: path,
            methods: [.post],
            access: .keys([.server], unknownStatus: 403),
            shedClass: .diagnostics,
            body: BodyRule(limit: 16 << 10, types: ["application/json"]),
            timeout: .seconds(1)
        )
    }

    /// What is evaluated for those that cannot.
    fileprivate static func evaluation(_ path: String, atOnce: Bool = false) -> Route {
        Route(
            path: path,
            methods: [.post],
            access: .keys([.server, .client], unknownStatus: 401),
            shedClass: evaluationClass,
            evaluates: true,
            isAnsweredAtOnce: atOnce,
            body: BodyRule(limit: BodyLimit.evaluation, types: json, codings: ["gzip"]),
            timeout: .seconds(1),
            allowsBrowsers: true
        )
    }

    /// What is evaluated for OpenFeature's clients.
    fileprivate static func flags(_ path: String) -> Route {
        Route(
            path: path,
            methods: [.post],
            access: .keys([.server, .client], unknownStatus: 401),
            shedClass: evaluationClass,
            evaluates: true,
            body: BodyRule(limit: BodyLimit.evaluation, types: ["application/json"]),
            timeout: .seconds(1),
            allowsBrowsers: true,
            takesOpenFeatureKeys: true,
            isNative: true
        )
    }

    /// What tells OpenFeature's clients of changes; those in browsers have no header to put the key in.
    fileprivate static func flagStream(_ path: String) -> Route {
        Route(
            path: path,
            methods: [.get],
            access: .keys([.server, .client], unknownStatus: 401),
            shedClass: .streams,
            allowsBrowsers: true,
            takesOpenFeatureKeys: true
        )
    }

    /// What SDKs tell of users.
    fileprivate static func events(_ path: String) -> Route {
        Route(
            path: path,
            methods: [.post],
            access: .keys([.server, .client], unknownStatus: 401),
            shedClass: .exposures,
            publicClass: .events,
            takesBatches: true,
            body: BodyRule(limit: BodyLimit.events, types: json, codings: ["gzip", "zstd"]),
            timeout: .seconds(10),
            allowsBrowsers: true
        )
    }

    /// What SDKs tell of themselves, and programs without an SDK of users.
    fileprivate static func report(
        _ path: String,
        _ shedClass: ShedClass,
        kinds: Set<KeyKind> = [.server, .client]
    ) -> Route {
        Route(
            path: path,
            methods: [.post],
            access: .keys(kinds, unknownStatus: 401),
            shedClass: shedClass,
            publicClass: shedClass == .exposures ? .events : nil,
            body: BodyRule(limit: BodyLimit.evaluation, types: json, codings: ["gzip"]),
            timeout: shedClass == .exposures ? .seconds(10) : .seconds(1),
            allowsBrowsers: true
        )
    }

    /// What programs see and change of the project.
    fileprivate static func api(
        _ path: String,
        _ methods: [RequestHead.Method],
        _ shedClass: ShedClass = .console,
        timeout: Duration = .seconds(10)
    ) -> Route {
        Route(
            path: path,
            methods: methods,
            access: .keys([.console], unknownStatus: 401),
            shedClass: shedClass,
            body: BodyRule(limit: BodyLimit.control, types: ["application/json"]),
            timeout: timeout,
            isNative: true
        )
    }

    /// What people and probes look at.
    fileprivate static func page(_ path: String, _ shedClass: ShedClass = .console, access: Access = .console) -> Route
    {
        Route(path: path, methods: [.get], access: access, shedClass: shedClass)
    }

    /// How people change the project: kill switches among them.
    fileprivate static func form(_ path: String) -> Route {
        Route(
            path: path,
            methods: [.post],
            access: .console,
            shedClass: .vital,
            body: BodyRule(limit: 64 << 10, types: ["application/x-www-form-urlencoded"])
        )
    }
}
