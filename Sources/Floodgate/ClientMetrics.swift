// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Metrics

/// The client's instruments, made once.
struct ClientMetrics: Sendable {
    private let installs = Counter(label: "floodgate.specs.installed")
    private let repeats = Counter(label: "floodgate.specs.unchanged")
    private let refusals = Counter(label: "floodgate.specs.older")
    private let deliveries = Counter(label: "floodgate.events.sent")
    private let drops: [EventStatistics.DropReason: Counter]
    private let failures: [ClientError.Code: Counter]

    init() {
        drops = Dictionary(
            uniqueKeysWithValues: EventStatistics.DropReason.allCases.map {
                ($0, Counter(label: "floodgate.events.dropped", dimensions: [("reason", $0.rawValue)]))
            }
        )
        failures = Dictionary(
            uniqueKeysWithValues: ClientError.Code.allCases.map {
                ($0, Counter(label: "floodgate.specs.failures", dimensions: [("code", $0.rawValue)]))
            }
        )
    }

    /// A document was offered.
    func count(_ outcome: CurrentSpecs.Outcome) {
        switch outcome {
        case .installed: installs.increment()
        case .unchanged: repeats.increment()
        case .older: refusals.increment()
        }
    }

    /// A document could not be had.
    func count(_ failure: ClientError) { failures[failure.code]?.increment() }

    /// The server took events.
    func countSent(_ count: Int) { deliveries.increment(by: count) }

    /// Events were given up.
    func countDropped(_ count: Int, _ reason: EventStatistics.DropReason) { drops[reason]?.increment(by: count) }
}
