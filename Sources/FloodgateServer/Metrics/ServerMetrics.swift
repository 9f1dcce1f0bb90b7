// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import Metrics
import Synchronization

/// What the server measures about itself; every label is one of few values that no client chooses.
package struct ServerMetrics: Sendable {
    /// Where the numbers are kept.
    package let registry: MetricsRegistry
    /// What is counted beside the event loops.
    let routes = RouteCounts()
    /// Streams of flags' changes that are open.
    private let openFlagStreams = Counted()
    private let badKeys: [String: Counter]

    /// Makes instruments in `registry`.
    package init(registry: MetricsRegistry) {
        self.registry = registry
        // Made once, since whoever tries keys makes many of these.
        badKeys = Dictionary(
            uniqueKeysWithValues: ["missing", "unknown", "kind"].map { reason in
                (reason, Counter(label: "auth_failures", dimensions: [("reason", reason)], factory: registry))
            }
        )
        Meter(label: "build_info", dimensions: [("version", FloodgateVersion.current)], factory: registry).set(1)
    }

    /// Shows how many requests of each class may work at once, and do.
    func show(_ state: [(name: String, limit: Int, running: Int)]) {
        for entry in state {
            let dimensions = [("class", entry.name)]
            Meter(label: "http_concurrency_limit", dimensions: dimensions, factory: registry).set(entry.limit)
            Meter(label: "http_inflight", dimensions: dimensions, factory: registry).set(entry.running)
        }
    }

    /// Shows how many instances hold the newest document, and how long it took to get to them.
    func show(_ fleet: FleetStatus) {
        func meter(_ label: String, _ name: String, _ value: String) -> Meter {
            Meter(label: label, dimensions: [("env", fleet.environment), (name, value)], factory: registry)
        }
        meter("fleet_instances", "holds", "newest").set(fleet.holding)
        meter("fleet_instances", "holds", "older").set(fleet.live - fleet.holding)
        guard let delay = fleet.versions.first?.delay else { return }
        for (quantile, value) in [("0.5", delay.p50), ("0.99", delay.p99), ("0.999", delay.p999)] {
            meter("config_propagation_seconds", "quantile", quantile).set(Double(value) / 1_000)
        }
    }

    func refusedKey(_ reason: String) { badKeys[reason]?.increment() }

    func published(environment: String, time: UInt64) {
        Meter(label: "config_version", dimensions: [("env", environment)], factory: registry).set(Double(time))
        Counter(label: "config_published", dimensions: [("env", environment)], factory: registry).increment()
    }

    func refreshFailed() { Counter(label: "config_refresh_failures", factory: registry).increment() }

    func sdkException() { Counter(label: "sdk_exceptions", factory: registry).increment() }

    func streamOpened() { show(flags: openFlagStreams.value.add(1, ordering: .relaxed).newValue) }
    func streamClosed() { show(flags: openFlagStreams.value.subtract(1, ordering: .relaxed).newValue) }
    var flagStreams: Int { openFlagStreams.value.load(ordering: .relaxed) }

    private func show(flags count: Int) {
        Meter(label: "stream_connections", dimensions: [("kind", "flags")], factory: registry).set(count)
    }

    /// How often something was sent to caches, by what came of it.
    func purged(_ result: String) {
        Counter(label: "cache_purges", dimensions: [("result", result)], factory: registry).increment()
    }

    private final class Counted: Sendable {
        let value = Atomic<Int>(0)
    }
}
