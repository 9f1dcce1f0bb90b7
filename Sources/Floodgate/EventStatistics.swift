// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Synchronization

/// What became of the events that a client was given; every event is in exactly one of the counts.
public struct EventStatistics: Sendable, Hashable {
    /// Why an event was given up.
    @nonexhaustive public enum DropReason: String, Sendable, CaseIterable {
        /// Too many waited; the oldest went.
        case overflow
        /// The server refused the batch for good.
        case refused
        /// The server did not take the batch in five attempts.
        case retriesExhausted
        /// The client was shut down before the server took it.
        case shutdown
        /// The event alone takes more memory than all may.
        case tooLarge
    }

    /// Events that the server took.
    public var sent = 0
    /// Events that wait to be sent, or are on their way.
    public var waiting = 0
    /// Events that a shutdown wrote to the cache folder, for the next start to send.
    public var spilled = 0
    /// Events that were found in the cache folder, and count like those of this client from then on.
    public var recovered = 0
    /// Events that were given up, by reason.
    public var dropped: [DropReason: Int] = [:]

    /// Events that were given up, for whatever reason.
    public var droppedInAll: Int { dropped.values.reduce(0, +) }
}

/// Counts what becomes of events.
final class EventCounts: Sendable {
    private struct State {
        var statistics = EventStatistics()
        var unreported = 0
        var hasWarned = false
    }

    private let state = Mutex(State())
    private let metrics: ClientMetrics
    private let hub: ClientEventHub
    private let logger: Logger

    init(metrics: ClientMetrics, hub: ClientEventHub, logger: Logger) {
        self.metrics = metrics
        self.hub = hub
        self.logger = logger
    }

    /// Sent and dropped events until now.
    var statistics: EventStatistics { state.withLock { $0.statistics } }

    func sent(_ count: Int) {
        state.withLock { state in
            state.statistics.sent += count
            state.hasWarned = false
        }
        metrics.countSent(count)
    }

    func spilled(_ count: Int) {
        state.withLock { $0.statistics.spilled += count }
        metrics.countSpilled(count)
    }

    func recovered(_ count: Int) { state.withLock { $0.statistics.recovered += count } }

    func dropped(_ count: Int, _ reason: EventStatistics.DropReason) {
        guard count > 0 else { return }
        // Once per trouble: nobody wants a line for each event of a flood.
        let isFirst = state.withLock { state in
            state.statistics.dropped[reason, default: 0] += count
            state.unreported += count
            defer { state.hasWarned = true }
            return !state.hasWarned
        }
        metrics.countDropped(count, reason)
        hub.emit(.eventsDropped(count, reason))
        guard isFirst else { return }
        logger.warning("Events were dropped", metadata: ["floodgate.reason": "\(reason.rawValue)"])
    }

    /// How many drops the server has not been told of; `report` takes them as told.
    var unreported: Int { state.withLock { $0.unreported } }

    func report(_ count: Int) { state.withLock { $0.unreported -= count } }
}
