// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Lets pages of any origin read the answers; what protects these routes is the key, not the origin.
struct AllowBrowsers: RouterMiddleware {
    typealias Context = ServerContext

    func handle(
        _ request: Request,
        context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        guard request.headers[.origin] != nil else { return try await next(request, context) }
        do {
            var response = try await next(request, context)
            response.headers[.accessControlAllowOrigin] = "*"
            return response
        } catch {
            guard var error = ServerError.of(error) else { throw error }
            error.headers[.accessControlAllowOrigin] = "*"
            throw error
        }
    }

    /// The answer to a browser that asks before it sends.
    @Sendable static func preflight(_ request: Request, _ context: ServerContext) -> Response {
        Response(
            status: .noContent,
            headers: [
                .accessControlAllowOrigin: "*",
                .accessControlAllowMethods: "GET, POST, OPTIONS",
                .accessControlAllowHeaders: [
                    "content-type", "content-encoding", "statsig-api-key", "statsig-event-count", "statsig-retry-count",
                    "statsig-sdk-type", "statsig-sdk-version", "statsig-client-time", "statsig-encoded",
                ].joined(separator: ", "),
                .accessControlMaxAge: "86400",
            ]
        )
    }
}
