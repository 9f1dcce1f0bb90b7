// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Metrics

/// What the server measures about itself; every label is one of few values that no client chooses.
package struct ServerMetrics: Sendable {
    /// Where the numbers are kept.
    package let registry: MetricsRegistry

    /// Makes instruments in `registry`.
    package init(registry: MetricsRegistry) {
        self.registry = registry
        Meter(label: "build_info", dimensions: [("version", FloodgateVersion.current)], factory: registry).set(1)
    }

    /// Shows what the event loops counted.
    func show(_ state: (counts: [LoopCounts], lag: UInt64, connections: Int), of table: RouteTable) {
        var requests: [Int: [Int]] = [:]
        var latencies: [Int: LatencyCounts] = [:]
        var (refusals, closes): ([String: Int], [String: Int]) = ([:], [:])
        var (accepted, bytesIn, bytesOut) = (0, 0, 0)
        for counts in state.counts {
            for (route, classes) in counts.requests.enumerated() {
                requests[route, default: [0, 0, 0, 0, 0]] = zip(requests[route] ?? [0, 0, 0, 0, 0], classes).map(+)
            }
            for (route, counts) in counts.latencies.enumerated() {
                var sum = latencies[route] ?? LatencyCounts()
                sum.add(counts)
                latencies[route] = sum
            }
            refusals.merge(counts.refusals, uniquingKeysWith: +)
            closes.merge(counts.closes, uniquingKeysWith: +)
            accepted += counts.accepted
            bytesIn += counts.bytesIn
            bytesOut += counts.bytesOut
        }
        for (route, classes) in requests {
            let path = route < table.routes.count ? table.routes[route].path : "other"
            for (index, count) in classes.enumerated() where count > 0 {
                registry.raise("http_requests", [("route", path), ("class", "\(index + 1)xx")], to: Int64(count))
            }
            if let counts = latencies[route], counts.buckets.contains(where: { $0 > 0 }) {
                registry.show("http_request_seconds", [("route", path)], counts)
            }
        }
        for (code, count) in refusals { registry.raise("http_refused", [("reason", code)], to: Int64(count)) }
        for (reason, count) in closes { registry.raise("http_closed", [("reason", reason)], to: Int64(count)) }
        registry.raise("http_connections_accepted", to: Int64(accepted))
        registry.raise("http_body_bytes_in", to: Int64(bytesIn))
        registry.raise("http_body_bytes_out", to: Int64(bytesOut))
        Meter(label: "http_connections", dimensions: [], factory: registry).set(state.connections)
        Meter(label: "loop_lag_seconds", dimensions: [], factory: registry).set(Double(state.lag) / 1e9)
    }

    /// Shows how many requests of each class may work at once, and do.
    func show(_ state: [(name: String, limit: Int, running: Int)]) {
        for entry in state {
            let dimensions = [("class", entry.name)]
            Meter(label: "http_concurrency_limit", dimensions: dimensions, factory: registry).set(entry.limit)
            Meter(label: "http_inflight", dimensions: dimensions, factory: registry).set(entry.running)
        }
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
