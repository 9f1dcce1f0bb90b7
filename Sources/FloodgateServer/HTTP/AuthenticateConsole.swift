// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import HTTPTypes
package import Hummingbird

/// Lets people at the console: nobody has to log in on the machine itself, everybody else with a console key (ADR 0007).
///
/// On a loopback listener only requests to a loopback name count as local, since any web page can point a name of its
/// own at 127.0.0.1.
package struct AuthenticateConsole: RouterMiddleware {
    package typealias Context = ServerContext

    let ring: KeyRing
    /// Whether the server can only be reached from its own machine.
    let isLoopback: Bool
    let metrics: ServerMetrics
    let guards: Guards

    package func handle(
        _ request: Request,
        context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        if isLoopback, let authority = request.head.authority, LoopbackName.isLoopback(authority: authority) {
            context.actor = "console"
        } else {
            let (name, key) = try login(request.headers[.authorization], context)
            context.actor = name
            context.isStillWelcome = { [ring] in ring.isActive(key.digest) }
        }
        return try await next(request, context)
    }

    private func login(_ header: String?, _ context: ServerContext) throws -> (name: String, key: SDKKey) {
        guard let header, header.lowercased().hasPrefix("basic "),
            let decoded = Base64.decode(header.dropFirst("basic ".count).utf8)
        else {
            throw refusal("missing", "Log in with any name and a console key as password")
        }
        let parts = String(decoding: decoded, as: UTF8.self).split(
            separator: ":",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard parts.count == 2, let key = ring.activeKey(String(parts[1])), key.kind == .console else {
            try strike(context)
            throw refusal("unknown", "The password must be an active console key")
        }
        let name = parts[0].unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(64)
        return (name.isEmpty ? "console" : "console:" + String(String.UnicodeScalarView(name)), key)
    }

    /// Counts a wrong password against the address; who has a good one is let in all the same.
    private func strike(_ context: ServerContext) throws {
        do throws(Refusal) {
            try guards.strike(context.remoteAddress.flatMap { ClientAddress($0) }, at: MonotonicClock.now)
        } catch {
            metrics.refusedKey("unknown")
            let wait = error.fields.first { $0.name == "retry-after" }?.value
            throw ServerError(.rateLimited, error.detail, headers: wait.map { [.retryAfter: $0] } ?? [:])
        }
    }

    private func refusal(_ reason: String, _ message: String) -> ServerError {
        metrics.refusedKey(reason)
        return ServerError(
            reason == "missing" ? .keyMissing : .keyUnknown,
            message,
            headers: [.wwwAuthenticate: "Basic realm=\"Floodgate console\", charset=\"UTF-8\""]
        )
    }
}

/// Refuses what another site makes a browser send; programs, which send no such headers, pass.
package struct RefuseCrossSite: RouterMiddleware {
    package typealias Context = ServerContext

    /// Makes the middleware.
    package init() {}

    package func handle(
        _ request: Request,
        context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        if request.method != .get, request.method != .head, isCrossSite(request) {
            throw ServerError(.forbidden, "The request comes from another site")
        }
        return try await next(request, context)
    }

    private func isCrossSite(_ request: Request) -> Bool {
        if let site = request.headers[.fetchSite], site != "same-origin", site != "none" { return true }
        guard let origin = request.headers[.origin] else { return false }
        guard let scheme = origin.range(of: "://"), let authority = request.head.authority else { return true }
        return origin[scheme.upperBound...].lowercased() != authority.lowercased()
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? { firstRange(of: text) }
}
