// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateJSON
internal import Synchronization

/// One run of a client's background: loads specs, polls, and sends events, from `start` to `stop`.
///
/// This is the one place of the package that starts a task outside any group (ADR 0009): a
/// program without a service group must be able to use the client, and `initialize` must be able to return before
/// the work is done. Everything below it is structured. The task holds the client's state, never the client itself,
/// so that a client which is let go without a shutdown still ends it.
final class BackgroundWork: Sendable {
    /// Opens when the first load is over, well or not.
    let loaded = Latch()
    /// Opens when a shutdown begins: no request for specs from then on.
    let stopping = Latch()
    /// Opens when everything is over but a call of the application's own code that does not end.
    private let ended = Latch()
    private let state: ClientState
    private let transport: any Transport
    private let store: StoreLink?
    private let specs: SpecKeeper
    private let idLists: IDListKeeper
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(state: ClientState, transport: any Transport) {
        let options = state.settings.options
        self.state = state
        self.transport = transport
        self.store = options.dataStore.map { StoreLink($0, key: state.settings.key, timing: state.timing) }
        let idLists = IDListKeeper(state: state, transport: transport)
        self.idLists = idLists
        self.specs = SpecKeeper(state: state, transport: transport, store: store, loaded: loaded) { spread in
            idLists.refresh(soon: spread)
        }
    }

    private var options: FloodgateClient.Options { state.settings.options }

    /// What went wrong while loading, if anything did.
    var failure: ClientError? { specs.failure }

    /// Whether changes come over a stream.
    var isStreaming: Bool { specs.isStreaming }

    /// Whether the ID lists were loaded; nil if they are not enabled.
    var areIDListsReady: Bool? { idLists.isReady }

    func start() {
        state.queue.setAccepting(true)
        state.specs.explainAbsence(.loading)
        task.withLock { $0 = $0 ?? Task { await self.run() } }
    }

    /// Ends everything at once; events that wait are not sent.
    func cancel() { task.withLock { $0 }?.cancel() }

    /// Ends polling at once, sends the events that wait within the time for a shutdown, and ends the rest.
    func stop() async {
        let (sender, transport, timing) = (state.sender, transport, state.timing)
        let (limit, begin) = (options.shutdownTimeout, timing.monotonic())
        // What the server does not take in its time needs some to get on disk.
        let diskLimit = options.spillsEvents ? limit / 4 : .zero
        stopping.open()
        async let closed: Void? = try? store?.close()
        if !options.disableNetwork {
            await withDeadline(limit - diskLimit, timing) { await sender.flush(.shutdown, over: transport) }
        }
        _ = await closed
        cancel()
        await ended.wait()
        state.queue.setAccepting(false)
        let rest = max(diskLimit, limit - .nanoseconds(timing.monotonic() - begin))
        // In a task of its own, awaited at once: what waits is to reach the disk also if the caller's was cancelled.
        await Task { await withDeadline(rest, timing) { await sender.abandon() } }.value
        loaded.open()
    }

    /// Sends the events that wait, within the time for a shutdown.
    func flush() async {
        guard !options.disableNetwork else { return }
        let (sender, transport) = (state.sender, transport)
        await withDeadline(options.shutdownTimeout, state.timing) { await sender.flush(.manual, over: transport) }
    }

    private func run() async {
        await withTaskGroup { group in
            // Outside the others' group: nobody waits for what an application's store or callbacks do.
            if let store { group.addTask { await store.serve() } }
            // Before anything happens, so that nothing is missed.
            let shift = state.hub.open()
            group.addTask { await self.state.hub.serve(shift) }
            await work()
            loaded.open()
            await transport.shutdown()
            ended.open()
        }
    }

    private func work() async {
        await withTaskGroup { group in
            group.addTask { await self.untilStopping { await self.keepSpecs() } }
            group.addTask { await self.untilStopping { await self.keepIDLists() } }
            if !options.disableNetwork, state.logsEvents {
                group.addTask { await self.sendEventsInTime() }
                group.addTask { await self.sendFullBatches() }
            }
        }
    }

    private func untilStopping(_ work: @escaping @Sendable () async -> Void) async {
        await withTaskGroup { group in
            group.addTask { await work() }
            group.addTask { await self.stopping.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    private func sendEventsInTime() async {
        var isRecovered = await state.sender.recover()
        while await state.timing.pause(.seconds(1)) {
            if !isRecovered { isRecovered = await state.sender.recover() }
            await state.sender.tick(over: transport)
        }
    }

    private func sendFullBatches() async {
        for await _ in state.queue.fullBatches() { await state.sender.sendFullBatches(over: transport) }
    }

    private func keepSpecs() async {
        let begin = state.timing.monotonic()
        specs.diagnostics.begin(.initialize)
        await specs.load()
        if idLists.isReady != nil { specs.diagnostics.mark("get_id_list_sources", "start", step: "process") }
        await idLists.refresh()
        if let isReady = idLists.isReady {
            specs.diagnostics.mark("get_id_list_sources", "end", step: "process", ["success": .bool(isReady)])
        }
        guard !Task.isCancelled else { return }
        state.metrics.recordLoad(
            state.timing.monotonic() - begin,
            from: state.specs.source,
            isReady: state.specs.isReady
        )
        specs.logDiagnostics()
        loaded.open()
        await specs.keep()
    }

    private func keepIDLists() async {
        await loaded.wait()
        await idLists.keep()
    }
}
