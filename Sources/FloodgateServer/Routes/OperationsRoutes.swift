// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import HTTPTypes
import Hummingbird

/// `/livez` and `/readyz` for whoever sends traffic here, `/metrics` for Prometheus.
struct OperationsRoutes: Sendable {
    let health: Health
    let metrics: ServerMetrics
    let refreshMetrics: @Sendable () async -> Void

    /// The text format, in the version that all scrapers read.
    static let metricsType = "text/plain; version=0.0.4; charset=utf-8"

    func add(to router: Router<ServerContext>, access: AuthenticateConsole) {
        router.get("livez") { _, _ in Response.plain("ok\n") }
        router.get("readyz") { _, _ in
            let reasons = health.reasons
            guard reasons.isEmpty else {
                return Response.plain(reasons.joined(separator: "\n") + "\n", status: .serviceUnavailable)
            }
            return Response.plain("ok\n")
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
