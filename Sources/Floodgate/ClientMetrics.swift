// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import Metrics
internal import Synchronization

/// The client's instruments, made once.
final class ClientMetrics: Sendable {
    private struct Request: Hashable {
        var purpose: TransportRequest.Purpose
        var outcome: String
    }

    private let factory: any MetricsFactory
    private let installs: Counter
    private let repeats: Counter
    private let refusals: Counter
    private let deliveries: Counter
    private let spills: Counter
    private let propagation: Timer
    private let age: Meter
    private let drops: [EventStatistics.DropReason: Counter]
    private let failures: [ClientError.Code: Counter]
    private let requests = Mutex<[Request: Timer]>([:])

    init(factory: any MetricsFactory) {
        self.factory = factory
        installs = Counter(label: "floodgate.specs.installed", factory: factory)
        repeats = Counter(label: "floodgate.specs.unchanged", factory: factory)
        refusals = Counter(label: "floodgate.specs.older", factory: factory)
        deliveries = Counter(label: "floodgate.events.sent", factory: factory)
        spills = Counter(label: "floodgate.events.spilled", factory: factory)
        propagation = Timer(label: "floodgate.specs.propagation", factory: factory)
        age = Meter(label: "floodgate.specs.age", factory: factory)
        drops = Dictionary(
            uniqueKeysWithValues: EventStatistics.DropReason.allCases.map {
                (
                    $0,
                    Counter(label: "floodgate.events.dropped", dimensions: [("reason", $0.rawValue)], factory: factory)
                )
            }
        )
        failures = Dictionary(
            uniqueKeysWithValues: ClientError.Code.allCases.map {
                ($0, Counter(label: "floodgate.specs.failures", dimensions: [("code", $0.rawValue)], factory: factory))
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

    /// Events were written to disk.
    func countSpilled(_ count: Int) { spills.increment(by: count) }

    /// A first load took so many nanoseconds.
    func recordLoad(_ nanoseconds: Int64, from source: SpecSource, isReady: Bool) {
        let dimensions = [("source", source.wireName), ("ready", String(isReady))]
        Timer(label: "floodgate.initialize.duration", dimensions: dimensions, factory: factory)
            .recordNanoseconds(nanoseconds)
    }

    /// Bringing all ID lists up to date took so many nanoseconds.
    func recordListSync(_ nanoseconds: Int64, _ outcome: String) {
        Timer(label: "floodgate.id_lists.duration", dimensions: [("outcome", outcome)], factory: factory)
            .recordNanoseconds(nanoseconds)
    }

    /// A document came into use so many milliseconds after it changed.
    func recordPropagation(_ milliseconds: Int64) { propagation.recordMilliseconds(milliseconds) }

    /// Nobody has confirmed the document for so long.
    func recordAge(_ age: Duration) { self.age.set(Double(age.milliseconds) / 1000) }

    /// A request took so many nanoseconds to its answer, or to its failure.
    func record(_ nanoseconds: Int64, _ purpose: TransportRequest.Purpose, _ outcome: String) {
        let request = Request(purpose: purpose, outcome: outcome)
        let timer =
            requests.withLock({ $0[request] })
            ?? Timer(
                label: "floodgate.request.duration",
                dimensions: [("purpose", purpose.rawValue), ("outcome", outcome)],
                factory: factory
            )
        // Made outside the lock, since a factory is the application's code.
        requests.withLock { $0[request] = timer }
        timer.recordNanoseconds(nanoseconds)
    }

    /// Events were given up.
    func countDropped(_ count: Int, _ reason: EventStatistics.DropReason) { drops[reason]?.increment(by: count) }
}
