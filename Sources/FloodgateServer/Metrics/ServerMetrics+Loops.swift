// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Metrics
import Synchronization

/// What routes counted beside the event loops.
final class RouteCounts: Sendable {
    struct State: Sendable {
        var received = SizeCounts()
        var sent = SizeCounts()
        /// Errors by code.
        var refusals: [String: Int] = [:]
    }

    private let held = Mutex(State())

    var state: State { held.withLock { $0 } }

    func change(_ body: (inout State) -> Void) { held.withLock { body(&$0) } }
}

extension ServerMetrics {
    /// Counts an answer that a route made; nobody knows the size of one that comes in parts.
    func answered(route: Int, received: Int, sent: Int?, code: String?) {
        routes.change { state in
            state.received.record(route: route, bytes: received)
            if let sent { state.sent.record(route: route, bytes: sent) }
            if let code { state.refusals[code, default: 0] &+= 1 }
        }
    }

    /// Counts a request that no route was asked for.
    func refused(_ code: String) { routes.change { $0.refusals[code, default: 0] &+= 1 } }

    /// Shows what the event loops counted, and what routes did.
    func show(_ doors: Doors.State, of table: RouteTable) {
        let loops = doors.counts.flatMap { $0 }
        let routed = routes.state
        func sum(_ member: (LoopCounts) -> Int) -> Int64 { Int64(loops.reduce(0) { $0 &+ member($1) }) }

        var sent = routed.sent
        for counts in loops { sent.add(counts.sent) }
        for (index, route) in table.routes.enumerated() { show(loops, index, route.path, sent, routed.received) }

        let refusals = loops.reduce(into: routed.refusals) { $0.merge($1.refusals, uniquingKeysWith: &+) }
        for (code, count) in refusals { registry.raise("http_refused", [("reason", code)], to: Int64(count)) }
        let closes = loops.reduce(into: [:]) { $0.merge($1.closes, uniquingKeysWith: &+) }
        for (reason, count) in closes {
            registry.raise("http_connections_closed", [("reason", reason)], to: Int64(count))
        }
        registry.raise("http_connections_accepted", to: sum(\.accepted))
        registry.raise("http_body_bytes_in", to: sum(\.bytesIn))
        registry.raise("http_body_bytes_out", to: sum(\.bytesOut))
        Meter(label: "http_connections", dimensions: [], factory: registry).set(doors.connections)
        showLag(doors.counts)
    }

    private func show(
        _ loops: [LoopCounts],
        _ route: Int,
        _ path: String,
        _ sent: SizeCounts,
        _ received: SizeCounts
    ) {
        let dimensions = [("route", path)]
        var classes = [0, 0, 0, 0, 0]
        var latencies = LatencyCounts()
        for counts in loops where route < counts.routes {
            for (index, count) in counts.answers(of: route).enumerated() { classes[index] &+= count }
            latencies.add(counts.latencies[route])
        }
        for (index, count) in classes.enumerated() where count > 0 {
            registry.raise("http_requests", dimensions + [("class", "\(index + 1)xx")], to: Int64(count))
        }
        registry.show("http_request_seconds", dimensions, latencies)
        registry.show("http_request_body_bytes", dimensions, received, of: route)
        registry.show("http_response_body_bytes", dimensions, sent, of: route)
    }

    /// All loops' lag together, and the worst of each of late: one loop that is busy is all that is wrong.
    private func showLag(_ doors: [[LoopCounts]]) {
        var all = LatencyCounts()
        for loop in 0..<(doors.map(\.count).max() ?? 0) {
            var worst: UInt64 = 0
            for counts in doors where loop < counts.count {
                all.add(counts[loop].lag.counts)
                worst = max(worst, counts[loop].lag.recent)
            }
            Meter(label: "loop_lag_worst_seconds", dimensions: [("loop", String(loop))], factory: registry)
                .set(Double(worst) / 1e9)
        }
        registry.show("loop_lag_seconds", [], all)
    }
}

extension MetricsRegistry {
    /// Shows durations that are counted elsewhere as a histogram, once there are any.
    fileprivate func show(_ name: String, _ dimensions: [(String, String)], _ counts: LatencyCounts) {
        guard counts.buckets.contains(where: { $0 > 0 }) else { return }
        histogram(name, dimensions, bounds: LatencyCounts.bounds.map { Double($0) / 1e6 })
            .replace(counts.buckets.map { UInt64($0) }, sum: Double(counts.sum) / 1e9)
    }

    /// The same of sizes.
    fileprivate func show(_ name: String, _ dimensions: [(String, String)], _ counts: SizeCounts, of route: Int) {
        let buckets = counts.buckets(of: route)
        guard buckets.contains(where: { $0 > 0 }) else { return }
        histogram(name, dimensions, bounds: SizeCounts.bounds.map(Double.init))
            .replace(buckets.map { UInt64($0) }, sum: Double(counts.sum(of: route)))
    }
}
