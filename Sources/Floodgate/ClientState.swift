// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents
internal import FloodgateJSON

/// All that a client knows and holds; outlives the tasks that keep it up to date.
final class ClientState: Sendable {
    let settings: Settings
    let timing: Timing
    let metrics = ClientMetrics()
    let specs: CurrentSpecs
    let counts: EventCounts
    let queue: EventQueue
    let sender: EventSender

    init(settings: Settings, timing: Timing) {
        self.settings = settings
        self.timing = timing
        self.specs = CurrentSpecs(settings: settings, timing: timing)
        self.counts = EventCounts(metrics: metrics, logger: settings.options.logger)
        self.queue = EventQueue(settings: settings, timing: timing, counts: counts)
        self.sender = EventSender(settings: settings, timing: timing, queue: queue, counts: counts)
    }

    /// Whether events go anywhere at all.
    var logsEvents: Bool { !settings.options.disableAllLogging && !settings.options.disableNetwork }

    /// Logs an event of the application.
    func log(_ content: QueuedEvent.Content, for user: FloodgateUser, in view: SpecView) {
        guard logsEvents else { return }
        queue.append(QueuedEvent(time: timing.wall(), user: user, context: view.context, content: content))
    }

    /// Logs an exposure unless the same was logged a moment ago; `make` is called only if it was not.
    func expose(
        _ subject: ExposureRecord.Subject,
        ruleID: String,
        for user: FloodgateUser,
        in view: SpecView,
        _ make: () -> QueuedExposure
    ) {
        guard logsEvents, queue.isNew(subject, ruleID: ruleID, user: user, window: view.dedupeWindow) else { return }
        log(.exposure(make()), for: user, in: view)
    }
}
