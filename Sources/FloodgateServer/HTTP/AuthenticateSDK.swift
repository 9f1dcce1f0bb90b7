// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import HTTPTypes
import Hummingbird

/// Lets a request through whose key is known, active and of one of some kinds, and puts the key into the context.
struct AuthenticateSDK: RouterMiddleware {
    typealias Context = ServerContext

    let ring: KeyRing
    let kinds: Set<KeyKind>
    /// The status for a key that is not known.
    ///
    /// SDKs repeat a failed fetch of their configuration after 401 but not after
    /// 403, and keep events for later after 401 but drop them after 403.
    let statusOfUnknown: HTTPResponse.Status
    let metrics: ServerMetrics

    func handle(
        _ request: Request,
        context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        guard let text = Self.key(of: request, context) else {
            metrics.refusedKey("missing")
            throw ServerError(
                .keyMissing,
                "There is no SDK key; send it as header STATSIG-API-KEY, as query parameter k or in the path",
                headers: [.wwwAuthenticate: Self.challenge]
            )
        }
        guard let key = ring.activeKey(text) else {
            metrics.refusedKey("unknown")
            throw ServerError(
                .keyUnknown,
                "The SDK key is not known here, or was revoked",
                status: statusOfUnknown,
                headers: statusOfUnknown == .unauthorized ? [.wwwAuthenticate: Self.challenge] : [:]
            )
        }
        guard kinds.contains(key.kind) else {
            metrics.refusedKey("kind")
            let wanted = kinds.map(\.rawValue).sorted().joined(separator: " or ")
            throw ServerError(
                .forbidden,
                "Forbidden resource: this route takes a \(wanted) key, not a \(key.kind.rawValue) key"
            )
        }
        var context = context
        context.caller = key
        return try await next(request, context)
    }

    private static let challenge = "StatsigApiKey realm=\"floodgate\""

    /// The first of header, query and last part of the path that is there.
    private static func key(of request: Request, _ context: ServerContext) -> String? {
        if let header = request.headers[.sdkKey], !header.isEmpty { return header }
        if let query = request.uri.queryParameters.get("k"), !query.isEmpty { return query }
        guard let part = context.parameters.get("key") else { return nil }
        var text = PercentEncoding.decode(part)
        for suffix in [".json", ".js"] where text.hasSuffix(suffix) {
            text.removeLast(suffix.count)
            break
        }
        return text.isEmpty ? nil : text
    }
}
