// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import Hummingbird

/// The table of routes as tests and documents read it.
package struct RouteRules: Sendable {
    /// The path, with `{…}` for one segment.
    package let path: String
    /// The methods, but for `HEAD` and `OPTIONS`, which follow from the others.
    package let methods: [String]
    /// Kinds of SDK keys that are let in; nil where no SDK key is asked for.
    package let kinds: Set<KeyKind>?

    /// All of them.
    package static var all: [RouteRules] {
        RouteTable.floodgate.routes.map { route in
            var kinds: Set<KeyKind>?
            if case .keys(let named, _) = route.access { kinds = named }
            return RouteRules(path: route.path, methods: route.methods.map(\.name), kinds: kinds)
        }
    }
}

extension FloodgateServer {
    /// What the router answers, apart from `HEAD` and `OPTIONS`.
    package var routerRoutes: [(method: String, path: String)] {
        router().routes
            .map { ($0.method.rawValue, "/" + $0.path.description.drop { $0 == "/" }) }
            .filter { $0.0 != "OPTIONS" && $0.0 != "HEAD" }
    }
}
