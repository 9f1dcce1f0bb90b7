// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import ServiceLifecycle
internal import Synchronization
internal import Tracing

/// Answers gates, configs, experiments and layers from memory, and keeps its specs and the server up to date behind.
///
/// A service group runs it like any service; a program without one calls `initialize` first and `shutdown` last. No
/// call throws, waits for the network (but `initialize`, `flush` and `shutdown`, each within its time), or grows without
/// bound. Any number of clients live side by side.
public final class FloodgateClient: Service, Sendable {
    let state: ClientState
    private let work = Mutex<BackgroundWork?>(nil)
    private let makeTransport: @Sendable (Timing) -> any Transport

    /// Makes a client, which answers defaults until it is initialised.
    /// - Parameters:
    ///   - key: The server key of the environment.
    ///   - options: Addresses, intervals and bounds.
    public convenience init(key: String, options: Options = Options()) {
        self.init(key: key, options: options, timing: .system)
    }

    /// Makes a client with clocks, chance and connections of the caller's.
    package init(
        key: String,
        options: Options,
        timing: Timing,
        makeTransport: (@Sendable (Timing) -> any Transport)? = nil
    ) {
        let settings = Settings(key: key, options: options)
        self.state = ClientState(settings: settings, timing: timing)
        self.makeTransport = makeTransport ?? { NetworkTransport(settings.options, timing: $0) }
    }

    deinit { work.withLock { $0 }?.cancel() }

    /// Loads the first specs and starts to keep them up to date.
    ///
    /// Returns as soon as there is something to answer from: the bootstrap document, the last good one on disk or the
    /// server's; or when that failed, or `initTimeout` is over. Work goes on behind in each case. Calling it again waits
    /// for the same load.
    /// - Returns: How it went; look at `isReady`.
    @discardableResult
    public func initialize() async -> InitializeDetails {
        let begin = state.timing.monotonic()
        let work = work.withLock { work in
            if let work { return work }
            let options = state.settings.options
            let transport: any Transport = options.disableNetwork ? NoTransport() : makeTransport(state.timing)
            let observed = ObservedTransport(
                base: transport,
                metrics: state.metrics,
                tracer: options.tracer ?? InstrumentationSystem.tracer,
                timing: state.timing
            )
            let new = BackgroundWork(state: state, transport: observed)
            new.start()
            work = new
            return new
        }
        let loaded = work.loaded
        await withDeadline(state.settings.options.initTimeout, state.timing) { await loaded.wait() }
        var failure = work.failure
        if !loaded.isOpen {
            let code: ClientError.Code = Task.isCancelled ? .cancelled : .timeout
            failure = ClientError(code, code == .timeout ? "Initialization timed out" : "Initialization was cancelled")
        }
        return InitializeDetails(
            isSuccess: loaded.isOpen,
            isReady: state.specs.isReady,
            areIDListsReady: work.areIDListsReady,
            source: state.specs.source,
            duration: .nanoseconds(state.timing.monotonic() - begin),
            failure: failure
        )
    }

    /// Whether `initialize` was called, and whatever it started was not shut down.
    public var isInitialized: Bool { work.withLock { $0 }?.loaded.isOpen ?? false }

    /// Whether there are specs to answer from.
    public var isReady: Bool { state.specs.isReady }

    /// Which document the client answers from, and how old it is.
    public var specsStatus: SpecsStatus {
        var status = state.specs.status
        status.isStreaming = work.withLock { $0 }?.isStreaming ?? false
        return status
    }

    /// Initialises the client if need be and runs it until the service group, or somebody else, shuts it down.
    ///
    /// Ends at once, without sending what waits, if the task is cancelled.
    public func run() async throws {
        await cancelWhenGracefulShutdown { _ = await self.initialize() }
        if let stopping = work.withLock({ $0 })?.stopping {
            await withTaskGroup { group in
                group.addTask { try? await gracefulShutdown() }
                group.addTask { await stopping.wait() }
                await group.next()
                group.cancelAll()
            }
        }
        await shutdown()
    }

    /// Stops polling, sends the events that wait, once, and closes all connections, within `shutdownTimeout`.
    ///
    /// The client goes on answering from memory; `initialize` starts it again.
    public func shutdown() async {
        guard let ending = work.withLock({ $0 }) else { return }
        await ending.stop()
        work.withLock { work in
            if work === ending { work = nil }
        }
    }

    /// Sends the events that wait, within `shutdownTimeout`; what fails is tried again later.
    public func flush() async { await work.withLock { $0 }?.flush() }

    /// What became of the events so far.
    public var eventStatistics: EventStatistics {
        // In this order, so that an event which is sent meanwhile is not missed.
        var statistics = state.counts.statistics
        let begun = state.queue.loggedCount + statistics.recovered
        statistics.waiting = begun - statistics.sent - statistics.droppedInAll - statistics.spilled
        return statistics
    }
}

/// Stands where connections would be, for a client that must not have any.
private struct NoTransport: Transport {
    func send(_ request: TransportRequest) async throws(ClientError) -> TransportAnswer {
        throw ClientError(.network, "The network is switched off")
    }

    func stream(
        _ request: TransportRequest,
        onHead: @escaping @Sendable (TransportHead) -> Bool,
        onBytes: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(ClientError) {
        throw ClientError(.network, "The network is switched off")
    }

    func shutdown() async {}
}
