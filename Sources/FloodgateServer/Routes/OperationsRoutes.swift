// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import HTTPTypes
import Hummingbird

/// `/livez`, `/readyz` and `/readyz/intake` for whoever sends traffic here, `/metrics` for Prometheus.
struct OperationsRoutes: Sendable {
    let probes: Probes
    let metrics: ServerMetrics
    let refreshMetrics: @Sendable () async -> Void

    /// The text format, in the version that all scrapers read.
    static let metricsType = "text/plain; version=0.0.4; charset=utf-8"

    func add(to router: Router<ServerContext>, access: AuthenticateConsole) {
        for path in Probes.paths {
            router.get(RouterPath(path)) { _, _ in
                let reasons = probes.reasons(at: path) ?? []
                guard reasons.isEmpty else {
                    return Response.plain(reasons.joined(separator: "\n") + "\n", status: .serviceUnavailable)
                }
                return Response.plain("ok\n")
            }
        }
        router.group("metrics").add(middleware: access).get { _, _ in
            await refreshMetrics()
            var response = Response.plain(metrics.registry.text)
            response.headers[.contentType] = Self.metricsType
            return response
        }
    }
}

extension Response {
    /// A text for people and probes.
    static func plain(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(bytes: Array(text.utf8))
        )
    }
}
