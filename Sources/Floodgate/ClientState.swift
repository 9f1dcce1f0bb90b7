// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents
internal import FloodgateJSON
internal import Metrics

/// All that a client knows and holds; outlives the tasks that keep it up to date.
final class ClientState: Sendable {
    let settings: Settings
    let timing: Timing
    let metrics: ClientMetrics
    let hub: ClientEventHub
    let sampler = ExposureSampler()
    let specs: CurrentSpecs
    let counts: EventCounts
    let queue: EventQueue
    let sender: EventSender
    let budget: SharedRetryBudget
    /// Where the documents lie that are read and kept.
    let disk: Disk
    /// Where the specs stand, for checks: threads must not count one reference between them.
    private let board: Unmanaged<SpecBoard>
    /// The queue, likewise.
    private let uncountedQueue: Unmanaged<EventQueue>
    /// Whether events go anywhere at all.
    let logsEvents: Bool
    /// Whether the application keeps assignments.
    let isSticky: Bool

    init(settings: Settings, timing: Timing) {
        self.settings = settings
        self.timing = timing
        self.logsEvents = !settings.options.disableAllLogging && !settings.options.disableNetwork
        self.isSticky = settings.options.stickyStore != nil
        self.specs = CurrentSpecs(settings: settings, timing: timing)
        self.board = .passUnretained(specs.board)
        self.metrics = ClientMetrics(factory: settings.options.metricsFactory ?? MetricsSystem.factory)
        self.hub = ClientEventHub(specs: specs, logger: settings.options.logger)
        self.counts = EventCounts(metrics: metrics, hub: hub, logger: settings.options.logger)
        self.queue = EventQueue(settings: settings, timing: timing, counts: counts)
        self.uncountedQueue = .passUnretained(queue)
        self.budget = SharedRetryBudget(timing: timing)
        self.disk = Disk(timing: timing)
        self.sender = EventSender(settings: settings, timing: timing, queue: queue, counts: counts, budget: budget)
    }

    /// What a check sees now.
    @inline(__always)
    var view: SpecView { board._withUnsafeGuaranteedRef { $0.current } }

    /// Logs an event of the application.
    func log(_ content: QueuedEvent.Content, for user: FloodgateUser, in view: SpecView) {
        guard logsEvents else { return }
        queue.append(QueuedEvent(time: timing.wall(), user: user, context: view.context, content: content))
    }

    /// Logs an exposure unless the same was logged a moment ago, or the document wants fewer.
    @inline(__always)
    func expose(_ exposure: consuming QueuedExposure, for user: FloodgateUser, in view: SpecView) {
        guard logsEvents else { return }
        let isNew = uncountedQueue._withUnsafeGuaranteedRef { queue in
            queue.isNew(ExposureKey(exposure, user: user), window: view.dedupeWindow)
        }
        guard isNew else { return }
        logNew(exposure, for: user, in: view)
    }

    /// Logs the exposure of a gate whose answer was ready, likewise.
    @inline(__always)
    func expose(gate name: String, ready answer: Answer, for user: FloodgateUser, in view: SpecView) {
        let isNew = uncountedQueue._withUnsafeGuaranteedRef { queue in
            queue.isNew(ExposureKey(gate: name, answer, user: user), window: view.dedupeWindow)
        }
        guard isNew else { return }
        if view.sampling.mode == nil {
            log(.ready(ReadyExposure(name: name, answer: answer, isGate: true)), for: user, in: view)
        } else if let details = view.context.details {
            let evaluation = Evaluation(ready: answer, details)
            logNew(
                QueuedExposure(name: name, kind: .gate, evaluation: evaluation, isManual: false),
                for: user,
                in: view
            )
        }
    }

    private func logNew(_ exposure: consuming QueuedExposure, for user: FloodgateUser, in view: SpecView) {
        if view.sampling.mode != nil {
            switch sampler.verdict(on: exposure, for: user, in: view, at: timing.monotonic()) {
            case .exempt: break
            case .sent(let sampling): exposure.draw = QueuedExposure.Draw(sampling)
            case .dropped: return
            }
        }
        if let ready = exposure.ready(in: view.context) {
            log(.ready(ready), for: user, in: view)
        } else {
            log(.exposure(exposure), for: user, in: view)
        }
    }
}
