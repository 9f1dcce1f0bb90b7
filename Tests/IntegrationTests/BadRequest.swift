// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateGzip

/// A request that the server must refuse.
struct BadRequest: Sendable {
    let name: String
    /// What may be answered.
    let statuses: Set<Int>
    let method: String
    let path: String
    /// `server`, `client` or `console`; nil sends no key, anything else is the key itself.
    let key: String?
    let headers: [String: String]
    let body: [UInt8]?

    private init(
        _ name: String,
        _ statuses: Set<Int>,
        method: String = "POST",
        path: String = "/v1/log_event",
        key: String? = "server",
        headers: [String: String] = [:],
        body: [UInt8]? = nil
    ) {
        self.name = name
        self.statuses = statuses
        self.method = method
        self.path = path
        self.key = key
        self.headers = headers
        self.body = body
    }

    /// A body that is accepted.
    static let good = Array(
        "{\"events\":[{\"eventName\":\"bad_input\",\"time\":1,\"user\":{\"userID\":\"u\"}}]}".utf8
    )
    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    private static func gzip(_ bytes: [UInt8]) -> [UInt8] { (try? Gzip.compress(bytes)) ?? [] }
    private static let deep = text(String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000))

    static let all: [BadRequest] = [
        BadRequest("not JSON", [400], body: text("hello")),
        BadRequest("no body", [400], body: []),
        BadRequest("JSON that ends too early", [400], body: Array(good.dropLast(3))),
        BadRequest("two documents", [400], body: good + good),
        BadRequest("no events member", [400], body: text("{\"event\":[]}")),
        BadRequest("events that are no list", [400], body: text("{\"events\":{}}")),
        BadRequest("a list", [400], body: text("[]")),
        BadRequest("a number beyond JSON", [400], body: text("{\"events\":[],\"x\":01}")),
        BadRequest("not UTF-8", [400], body: text("{\"events\":[{\"eventName\":\"") + [0xFF, 0xFE] + text("\"}]}")),
        BadRequest("deep nesting", [400], body: text("{\"events\":") + deep + text("}")),
        BadRequest(
            "deep nesting in an event",
            [400],
            body: text("{\"events\":[{\"eventName\":\"x\",\"metadata\":{\"a\":") + deep + text("}}]}")
        ),
        BadRequest("gzip that is none", [400], headers: ["Content-Encoding": "gzip"], body: good),
        BadRequest(
            "gzip that ends too early",
            [400],
            headers: ["Content-Encoding": "gzip"],
            body: Array(gzip(good).dropLast(9))
        ),
        BadRequest(
            "gzip with a wrong checksum",
            [400],
            headers: ["Content-Encoding": "gzip"],
            body: Array(gzip(good).dropLast(8)) + [1, 2, 3, 4, 5, 6, 7, 8]
        ),
        BadRequest("gz=1 without gzip", [400], path: "/v1/rgstr?gz=1", body: text("\u{1F}\u{8B}not gzip at all")),
        BadRequest("zstd that is none", [400], headers: ["Content-Encoding": "zstd"], body: good),
        BadRequest("an unknown encoding", [415], headers: ["Content-Encoding": "compress"], body: good),
        BadRequest("two encodings", [400, 415], headers: ["Content-Encoding": "gzip, zstd"], body: good),
        BadRequest(
            "a gzip bomb",
            [400, 413],
            headers: ["Content-Encoding": "gzip"],
            body: gzip(text("{\"events\":[\"") + [UInt8](repeating: 0x61, count: 300 << 20) + text("\"]}"))
        ),
        BadRequest(
            "too large",
            [413],
            body: text("{\"events\":[\"") + [UInt8](repeating: 0x61, count: 11 << 20) + text("\"]}")
        ),
        BadRequest("no key", [401], key: nil, body: good),
        BadRequest("an unknown key", [401], key: "secret-unknown", body: good),
        BadRequest("an empty key", [401], key: "", body: good),
        BadRequest("a key of the wrong kind", [401, 403], key: "console", body: good),
        BadRequest("specs without a key", [401, 403], method: "GET", path: "/v2/download_config_specs", key: nil),
        BadRequest(
            "specs with an unknown key",
            [401, 403],
            method: "GET",
            path: "/v2/download_config_specs/secret-no.json",
            key: nil
        ),
        BadRequest("specs with a client key", [403], method: "GET", path: "/v2/download_config_specs", key: "client"),
        BadRequest(
            "specs since a time that is none",
            [400],
            method: "GET",
            path: "/v2/download_config_specs?sinceTime=yesterday"
        ),
        BadRequest("an ID list that is not there", [404], method: "GET", path: "/v1/download_id_list_file/nothing"),
        BadRequest(
            "initialize without a user's JSON",
            [400],
            path: "/v1/initialize",
            key: "client",
            body: text("{\"user\":")
        ),
        BadRequest("a route that is not there", [404], method: "GET", path: "/v1/nothing"),
        BadRequest("a method that is not there", [405], method: "DELETE", path: "/v1/log_event"),
        BadRequest("the console's API with a server key", [401, 403], method: "GET", path: "/console/v1/gates"),
        BadRequest(
            "a change by a server key",
            [401, 403],
            method: "PUT",
            path: "/console/v1/gates/free_returns/disable"
        ),
        BadRequest(
            "a change of a gate that is not there",
            [404],
            method: "PUT",
            path: "/console/v1/gates/nothing/disable",
            key: "console"
        ),
        BadRequest(
            "a toggle without a reason",
            [400],
            path: "/gates/free_returns/toggle",
            key: nil,
            headers: form,
            body: text("enabled=false&reason=")
        ),
        BadRequest(
            "a toggle without a direction",
            [400],
            path: "/gates/free_returns/toggle",
            key: nil,
            headers: form,
            body: text("reason=x")
        ),
        BadRequest(
            "a toggle of a gate that is not there",
            [404],
            path: "/gates/nothing/toggle",
            key: nil,
            headers: form,
            body: text("enabled=false&reason=x")
        ),
        BadRequest(
            "a toggle from another site",
            [403],
            path: "/gates/free_returns/toggle",
            key: nil,
            headers: form.merging(["Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"]) { $1 },
            body: text("enabled=false&reason=x")
        ),
        BadRequest(
            "a toggle of a state that is gone",
            [409],
            path: "/gates/free_returns/toggle",
            key: nil,
            headers: form,
            body: text("enabled=false&reason=x&revision=999999")
        ),
        BadRequest(
            "a rollout that is no number",
            [400],
            path: "/gates/free_returns/rollout",
            key: nil,
            headers: form,
            body: text("percent=half")
        ),
        BadRequest(
            "a rollout beyond 100",
            [400],
            path: "/gates/free_returns/rollout",
            key: nil,
            headers: form,
            body: text("percent=101")
        ),
        BadRequest(
            "a rollout that is not finite",
            [400],
            path: "/gates/free_returns/rollout",
            key: nil,
            headers: form,
            body: text("percent=nan")
        ),
        BadRequest(
            "a page by a name that is not the machine's",
            [401],
            method: "GET",
            path: "/",
            key: nil,
            headers: ["Host": "evil.example"]
        ),
    ]

    private static let form = ["Content-Type": "application/x-www-form-urlencoded"]
}
