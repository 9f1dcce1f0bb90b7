// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Metrics

/// What the server measures about itself; every label is one of few values that no client chooses.
package struct ServerMetrics: Sendable {
    /// Where the numbers are kept.
    package let registry: MetricsRegistry

    private let inFlight: Meter

    /// Makes instruments in `registry`.
    package init(registry: MetricsRegistry) {
        self.registry = registry
        inFlight = Meter(label: "http_inflight", dimensions: [], factory: registry)
        Meter(label: "build_info", dimensions: [("version", FloodgateVersion.current)], factory: registry).set(1)
    }

    func requestBegan() { inFlight.increment() }
    func requestEnded() { inFlight.decrement() }

    func answered(route: String, method: HTTPRequest.Method, status: HTTPResponse.Status, duration: Duration) {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(method.rawValue)
        let dimensions = [
            ("route", route), ("method", known ? method.rawValue : "other"), ("status", String(status.code)),
        ]
        Counter(label: "http_requests", dimensions: dimensions, factory: registry).increment()
        Timer(label: "http_request", dimensions: [("route", route)], factory: registry).record(duration: duration)
    }

    func refusedKey(_ reason: String) {
        Counter(label: "auth_failures", dimensions: [("reason", reason)], factory: registry).increment()
    }

    func published(environment: String, time: UInt64) {
        Meter(label: "config_version", dimensions: [("env", environment)], factory: registry).set(Double(time))
        Counter(label: "config_published", dimensions: [("env", environment)], factory: registry).increment()
    }

    func refreshFailed() { Counter(label: "config_refresh_failures", factory: registry).increment() }

    func sdkException() { Counter(label: "sdk_exceptions", factory: registry).increment() }

    func streamOpened() { streams.increment() }
    func streamClosed() { streams.decrement() }

    private var streams: Meter { Meter(label: "stream_connections", dimensions: [], factory: registry) }
}
