// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import Testing

/// One method of one route with what keys must do there, said again and by hand: not what the server's table says.
struct KeyWalk: Sendable, CustomTestStringConvertible {
    enum Access: Hashable {
        /// Everybody.
        case open
        /// Server keys; the SDK's fetches are refused for good.
        case specs
        /// The same, and edge keys.
        case lists
        /// Server keys; unknown ones are asked to try again.
        case servers
        /// Edge keys.
        case edge
        /// Server and client keys; unknown ones are asked to try again.
        case users
        /// Server and client keys, also where OpenFeature's clients put them.
        case flags
        /// The same, and in the query.
        case flagStream
        /// Console keys, in headers alone.
        case native
        /// People.
        case console
    }

    let method: String
    /// As in the server's table.
    let pattern: String
    /// The path that is asked for; a key follows it if the pattern ends so.
    let path: String
    let access: Access
    /// The status for whoever is let in.
    let good: Int
    var body: String?

    var testDescription: String { "\(method) \(pattern)" }

    init(
        _ method: String,
        _ pattern: String,
        at path: String? = nil,
        _ access: Access,
        _ good: Int,
        _ body: String? = nil
    ) {
        self.method = method
        self.pattern = pattern
        self.path = path ?? pattern.replacing("{key}", with: "")
        self.access = access
        self.good = good
        self.body = body
    }

    /// The status, and the code of the error if it is one.
    func expected(_ shown: KeyWalkTests.Shown) -> (status: Int, code: String?) {
        let kinds: Set<KeyKind> =
            switch access {
            case .specs, .servers: [.server]
            case .lists: [.server, .edge]
            case .edge: [.edge]
            case .users, .flags, .flagStream: [.server, .client]
            case .native: [.console]
            case .open, .console: []
            }
        switch shown {
        case .good(let kind, _): return kinds.contains(kind) ? (good, nil) : (403, "forbidden")
        case .revoked, .expired, .foreign, .unknown:
            return (access == .specs || access == .lists ? 403 : 401, "key_unknown")
        case .nothing: return (401, "key_missing")
        }
    }

    static let routes: [KeyWalk] = [
        .init("GET", "/v1/download_config_specs", .specs, 200),
        .init("POST", "/v1/download_config_specs", .specs, 200, "{}"),
        .init("GET", "/v1/download_config_specs/{key}", .specs, 200),
        .init("POST", "/v1/download_config_specs/{key}", .specs, 200, "{}"),
        .init("GET", "/v2/download_config_specs", .specs, 200),
        .init("POST", "/v2/download_config_specs", .specs, 200, "{}"),
        .init("GET", "/v2/download_config_specs/{key}", .specs, 200),
        .init("POST", "/v2/download_config_specs/{key}", .specs, 200, "{}"),
        .init("GET", "/v2/stream_config_specs", .specs, 200),
        .init("POST", "/v2/report_config_specs", .specs, 400, "{}"),
        .init("GET", "/v1/get_id_lists", .specs, 200), .init("POST", "/v1/get_id_lists", .specs, 200, "{}"),
        .init("GET", "/v1/get_id_lists/{key}", .specs, 200), .init("POST", "/v1/get_id_lists/{key}", .specs, 200, "{}"),
        .init("GET", "/v1/download_id_list_file/{fileID}", at: "/v1/download_id_list_file/none", .lists, 404),
        .init("GET", "/edge/v1/state", .edge, 200),
        .init("GET", "/edge/v1/objects/{hash}", at: "/edge/v1/objects/none", .edge, 404),
        .init("POST", "/edge/v1/events", .edge, 400, "{}"),
        .init("POST", "/edge/v1/fleet", .edge, 202, #"{"instances":[]}"#),
        .init("GET", "/delivery/v1/{id}", at: "/delivery/v1/none", .open, 404),
        .init("GET", "/delivery/v1/{id}/manifest", at: "/delivery/v1/none/manifest", .open, 404),
        .init("GET", "/delivery/v1/{id}/kill", at: "/delivery/v1/none/kill", .open, 404),
        .init("GET", "/delivery/v1/{id}/stream", at: "/delivery/v1/none/stream", .open, 404),
        .init("GET", "/delivery/v1/objects/{hash}", at: "/delivery/v1/objects/none", .open, 404),

        .init("POST", "/v1/initialize", .users, 200, "{\"user\":{\"userID\":\"u\"}}"),
        .init("POST", "/v1/check_gate", .users, 200, "{\"user\":{\"userID\":\"u\"},\"gateName\":\"new_checkout\"}"),
        .init("POST", "/v1/get_config", .users, 200, "{\"user\":{\"userID\":\"u\"},\"configName\":\"catalog_page\"}"),
        .init("POST", "/v1/get_layer", .users, 200, "{\"user\":{\"userID\":\"u\"},\"layerName\":\"search_page\"}"),
        .init("POST", "/v1/get_ranked_list", .users, 404, "{\"user\":{\"userID\":\"u\"},\"configName\":\"nope\"}"),
        .init("POST", "/v1/log_custom_exposure", .users, 400, "{}"),
        .init("POST", "/v1/webhooks/event_webhook", .servers, 400, "{}"),
        .init("POST", "/v1/sdk_exception", .users, 202, "{}"),
        .init("POST", "/v1/log_event", .users, 202, "{\"events\":[]}"),
        .init("POST", "/v1/rgstr", .users, 202, "{\"events\":[]}"),

        .init("POST", "/ofrep/v1/evaluate/flags", .flags, 200, "{\"context\":{}}"),
        .init(
            "POST",
            "/ofrep/v1/evaluate/flags/{flag}",
            at: "/ofrep/v1/evaluate/flags/free_returns",
            .flags,
            200,
            "{\"context\":{}}"
        ),
        .init("GET", "/ofrep/v1/stream", .flagStream, 200),

        .init("GET", "/console/v1/fleet", .native, 200),
        // Without a warehouse; what matters here is who gets so far.
        .init("GET", "/console/v1/events/ledger", .native, 503),
        .init("GET", "/console/v1/events/summary", .native, 503),
        .init("GET", "/console/v1/events/dead_letters", .native, 503),
        .init("POST", "/console/v1/events/dead_letters/replay", .native, 503),
        .init("POST", "/console/v1/events/forget", .native, 503, "{\"userID\":\"u\"}"),
        .init("GET", "/console/v1/events/live", .native, 200),
        .init("GET", "/console/v1/id_lists", .native, 200),
        .init("POST", "/console/v1/id_lists", .native, 400, "{}"),
        .init("GET", "/console/v1/id_lists/{id}", at: "/console/v1/id_lists/beta_testers", .native, 200),
        .init("DELETE", "/console/v1/id_lists/{id}", at: "/console/v1/id_lists/none", .native, 404),
        .init(
            "PATCH",
            "/console/v1/id_lists/{id}/ids",
            at: "/console/v1/id_lists/none/ids",
            .native,
            404,
            "{\"ids\":[\"u\"]}"
        ),
        .init(
            "DELETE",
            "/console/v1/id_lists/{id}/ids",
            at: "/console/v1/id_lists/none/ids",
            .native,
            404,
            "{\"ids\":[\"u\"]}"
        ),
        .init("GET", "/console/v1/gates", .native, 200), .init("GET", "/console/v1/dynamic_configs", .native, 200),
        .init("GET", "/console/v1/experiments", .native, 200), .init("GET", "/console/v1/layers", .native, 200),
        .init("GET", "/console/v1/segments", .native, 200), .init("GET", "/console/v1/holdouts", .native, 200),
        .init("GET", "/console/v1/gates/{id}", at: "/console/v1/gates/new_checkout", .native, 200),
        .init(
            "PATCH",
            "/console/v1/gates/{id}",
            at: "/console/v1/gates/new_checkout",
            .native,
            200,
            "{\"isEnabled\":true}"
        ),
        .init("GET", "/console/v1/dynamic_configs/{id}", at: "/console/v1/dynamic_configs/catalog_page", .native, 200),
        .init("GET", "/console/v1/experiments/{id}", at: "/console/v1/experiments/checkout_copy", .native, 200),
        .init("GET", "/console/v1/layers/{id}", at: "/console/v1/layers/search_page", .native, 200),
        .init("GET", "/console/v1/segments/{id}", at: "/console/v1/segments/none", .native, 404),
        .init("GET", "/console/v1/holdouts/{id}", at: "/console/v1/holdouts/autumn_holdout", .native, 200),
        .init("PUT", "/console/v1/gates/{id}/enable", at: "/console/v1/gates/new_checkout/enable", .native, 200),
        .init("PUT", "/console/v1/gates/{id}/disable", at: "/console/v1/gates/new_checkout/disable", .native, 200),
        .init("GET", "/console/v1/gates/{id}/rules", at: "/console/v1/gates/new_checkout/rules", .native, 200),
        .init("PATCH", "/console/v1/gates/{id}/rules", at: "/console/v1/gates/new_checkout/rules", .native, 400, "{}"),
        .init("GET", "/console/v1/gates/{id}/rules/{ruleID}", at: "/console/v1/gates/none/rules/none", .native, 404),
        .init(
            "PATCH",
            "/console/v1/gates/{id}/rules/{ruleID}",
            at: "/console/v1/gates/none/rules/none",
            .native,
            404,
            "{}"
        ),

        .init("GET", "/", .console, 200), .init("GET", "/live", .console, 200), .init("GET", "/fleet", .console, 200),
        .init("GET", "/audit", .console, 200),
        .init("GET", "/gates/{name}", at: "/gates/new_checkout", .console, 200),
        .init("GET", "/segments/{name}", at: "/segments/segment:loyal_customers", .console, 200),
        .init("GET", "/holdouts/{name}", at: "/holdouts/autumn_holdout", .console, 200),
        .init("GET", "/configs/{name}", at: "/configs/catalog_page", .console, 200),
        .init("GET", "/experiments/{name}", at: "/experiments/checkout_copy", .console, 200),
        .init("GET", "/layers/{name}", at: "/layers/search_page", .console, 200),
        .init("GET", "/console/live", .console, 200),
        .init(
            "POST",
            "/gates/{name}/toggle",
            at: "/gates/new_checkout/toggle",
            .console,
            303,
            "enabled=true&reason=walk"
        ),
        .init(
            "POST",
            "/gates/{name}/rollout",
            at: "/gates/new_checkout/rollout",
            .console,
            303,
            "percent=10&reason=walk"
        ),
        .init("GET", "/console/assets/{file}", at: "/console/assets/console.css", .open, 200),
        .init("GET", "/livez", .open, 200), .init("GET", "/readyz", .open, 200),
        .init("GET", "/readyz/intake", .open, 200),
        .init("GET", "/metrics", .console, 200),
    ]
}
