// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
package import Hummingbird

/// Hands requests to the router, with the prefix taken off their paths that the server may be mounted under.
package struct FrontResponder: HTTPResponder {
    package typealias Context = ServerContext

    let router: RouterResponder<ServerContext>
    /// Empty, or a path that begins with a slash and does not end with one.
    let pathPrefix: String

    package func respond(to request: Request, context: ServerContext) async throws -> Response {
        var response = try await routed(request, context)
        // Statsig's older SDKs close their connections, and reuse one that does not say that it is closed.
        if request.headers[values: .connection].contains(where: { $0.lowercased() == "close" }) {
            response.headers[.connection] = "close"
        }
        return response
    }

    private func routed(_ request: Request, _ context: ServerContext) async throws -> Response {
        guard !pathPrefix.isEmpty, let path = request.head.path, let rest = stripped(path) else {
            return try await router.respond(to: request, context: context)
        }
        var head = request.head
        head.path = rest
        var context = context
        context.hadPathPrefix = true
        return try await router.respond(to: Request(head: head, body: request.body), context: context)
    }

    private func stripped(_ path: String) -> String? {
        guard path.hasPrefix(pathPrefix) else { return nil }
        let rest = path.dropFirst(pathPrefix.count)
        if rest.isEmpty { return "/" }
        if rest.hasPrefix("/") { return String(rest) }
        return rest.hasPrefix("?") ? "/" + rest : nil
    }
}
