// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
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
            response.headers[.accessControlExposeHeaders] = Self.readable
            return response
        } catch {
            guard var error = ServerError.of(error) else { throw error }
            error.headers[.accessControlAllowOrigin] = "*"
            error.headers[.accessControlExposeHeaders] = Self.readable
            throw error
        }
    }

    /// What scripts may read of an answer's header beside what they always may.
    static let readable = "etag, retry-after"

    /// The answer to a browser that asks before it sends: ready, since it needs no key and so must cost nothing.
    static let preflight = ReadyAnswer(
        204,
        fields: [
            .init("access-control-allow-origin", "*"), .init("access-control-allow-methods", "GET, POST, OPTIONS"),
            .init(
                "access-control-allow-headers",
                [
                    "content-type", "content-encoding", "statsig-api-key", "statsig-event-count", "statsig-retry-count",
                    "statsig-sdk-type", "statsig-sdk-version", "statsig-client-time", "statsig-encoded",
                    "authorization", "x-api-key", "if-none-match", "last-event-id",
                ].joined(separator: ", ")
            ), .init("access-control-max-age", "86400"),
        ]
    )
}
