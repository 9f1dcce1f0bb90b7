// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Answers methods that a known path does not take with 405 and the list of those it takes.
enum MethodGuard {
    private static let methods: [HTTPRequest.Method] = [
        .get, .head, .post, .put, .patch, .delete, .options, .trace, .connect,
    ]

    /// Closes all paths of `router` that were added so far against other methods.
    static func close(_ router: Router<ServerContext>) {
        var taken: [String: (path: RouterPath, methods: Set<HTTPRequest.Method>)] = [:]
        for route in router.routes {
            taken[route.path.description, default: (route.path, [])].methods.insert(route.method)
        }
        for (path, methods) in taken.values {
            var allowed = methods
            if methods.contains(.get) { allowed.insert(.head) }
            let list = allowed.map(\.rawValue).sorted().joined(separator: ", ")
            for method in Self.methods where !allowed.contains(method) {
                router.on(path, method: method) { _, _ -> Response in
                    throw ServerError(.methodNotAllowed, "This route takes \(list)", headers: [.allow: list])
                }
            }
        }
    }
}
