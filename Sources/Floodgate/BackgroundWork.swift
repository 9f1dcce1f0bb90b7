// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import Logging
internal import Synchronization

/// One run of a client's background: loads specs, polls, and sends events, from `start` to `stop`.
///
/// This is the one place of the package that starts a task outside any group (ADR 0009): a
/// program without a service group must be able to use the client, and `initialize` must be able to return before
/// the work is done. Everything below it is structured. The task holds the client's state, never the client itself,
/// so that a client which is let go without a shutdown still ends it.
final class BackgroundWork: Sendable {
    private struct Report {
        var failure: ClientError?
        var areIDListsReady: Bool?
        /// Kinds of failures that the log has been told of since the last success.
        var isTroubled = false
    }

    /// Opens when the first load is over, well or not.
    let loaded = Latch()
    /// Opens when a shutdown begins: no request for specs from then on.
    let stopping = Latch()
    private let state: ClientState
    private let transport: any Transport
    private let fetcher: SpecsFetcher
    private let idLists: IDListFetcher
    private let cache: SpecFile?
    private let report = Mutex(Report())
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(state: ClientState, transport: any Transport) {
        let options = state.settings.options
        self.state = state
        self.transport = transport
        self.fetcher = SpecsFetcher(settings: state.settings, timing: state.timing)
        self.idLists = IDListFetcher(settings: state.settings, timing: state.timing)
        self.cache = options.cacheFolder.map { SpecFile(lastGoodOf: state.settings.key, in: $0) }
    }

    private var options: FloodgateClient.Options { state.settings.options }

    /// What went wrong while loading, if anything did.
    var failure: ClientError? { report.withLock { $0.failure } }

    /// Whether the ID lists were loaded; nil if they are not enabled.
    var areIDListsReady: Bool? { report.withLock { $0.areIDListsReady } }

    func start() {
        state.queue.setAccepting(true)
        state.specs.explainAbsence(.loading)
        if options.enableIDLists { report.withLock { $0.areIDListsReady = false } }
        task.withLock { $0 = $0 ?? Task { await self.run() } }
    }

    /// Ends everything at once; events that wait are not sent.
    func cancel() { task.withLock { $0 }?.cancel() }

    /// Ends polling at once, sends the events that wait within the time for a shutdown, and ends the rest.
    func stop() async {
        stopping.open()
        if !options.disableNetwork {
            let (sender, transport) = (state.sender, transport)
            await withDeadline(options.shutdownTimeout, state.timing) { await sender.flush(.shutdown, over: transport) }
        }
        cancel()
        await task.withLock { $0 }?.value
        state.queue.setAccepting(false)
        await state.sender.abandon()
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
            group.addTask { await self.untilStopping { await self.keepSpecs() } }
            if !options.disableNetwork {
                if options.enableIDLists { group.addTask { await self.untilStopping { await self.keepIDLists() } } }
                if state.logsEvents {
                    group.addTask { await self.sendEventsInTime() }
                    group.addTask { await self.sendFullBatches() }
                }
            }
        }
        loaded.open()
        await transport.shutdown()
    }

    private func untilStopping(_ work: @escaping @Sendable () async -> Void) async {
        await withTaskGroup { group in
            group.addTask { await work() }
            group.addTask { await self.stopping.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    // MARK: Events

    private func sendEventsInTime() async {
        while await state.timing.pause(.seconds(1)) { await state.sender.tick(over: transport) }
    }

    private func sendFullBatches() async {
        for await _ in state.queue.fullBatches() { await state.sender.sendFullBatches(over: transport) }
    }

    // MARK: Specs

    private func keepSpecs() async {
        await load()
        loaded.open()
        if options.disableNetwork, options.file == nil { return }
        while await state.timing.pause(spread(options.pollInterval)) { await refresh(retries: 3) }
    }

    /// The first load: from what the application gave, else from the last good document, else from the server.
    private func load() async {
        if let bytes = options.bootstrap, install(bytes, from: .bootstrap) { return await loadIDLists() }
        if options.file != nil {
            await refresh(retries: 0)
        } else {
            // Answers at once what a start without a server would answer, and asks the server behind.
            if let cache, let bytes = try? await cache.read(), install(bytes, from: .file) { loaded.open() }
            if !options.disableNetwork { await refresh(retries: 0) }
        }
        // After a first answer that there is nothing new the source stays `loading`.
        if failure != nil || options.disableNetwork { state.specs.explainAbsence(.noValues) }
        await loadIDLists()
    }

    /// Looks once for a newer document, again after a moment if the server is in trouble.
    private func refresh(retries: Int) async {
        for attempt in 0...retries {
            guard let error = await refreshOnce() else {
                report.withLock { report in
                    report.failure = nil
                    report.isTroubled = false
                }
                return
            }
            guard !Task.isCancelled, error.code != .cancelled else { return }
            note(error)
            guard error.isRetryable, attempt < retries else { return }
            // 0.2, 0.4 and 0.8 s at most: full jitter, so that a fleet does not come back as one.
            let limit = Duration.milliseconds(200 << attempt)
            guard await state.timing.pause(limit * state.timing.random()) else { return }
        }
    }

    private func refreshOnce() async -> ClientError? {
        do throws(ClientError) {
            if let path = options.file {
                _ = try accept(try await SpecFile(path: path).read(), from: .file)
                return nil
            }
            switch await fetcher.fetch(newerThan: state.specs.held, over: transport) {
            case .failure(let error): return error
            case .success(.unchanged): state.metrics.count(.unchanged)
            case .success(.document(let bytes)):
                if try accept(bytes, from: .network) == .installed { await save(bytes) }
            }
            return nil
        } catch {
            return error
        }
    }

    private func accept(_ bytes: [UInt8], from source: SpecSource) throws(ClientError) -> CurrentSpecs.Outcome {
        let outcome = try state.specs.install(bytes, from: source)
        state.metrics.count(outcome)
        if outcome == .installed {
            options.logger.debug("Specs were installed", metadata: ["floodgate.source": "\(source.wireName)"])
        }
        return outcome
    }

    private func install(_ bytes: [UInt8], from source: SpecSource) -> Bool {
        do throws(ClientError) { return try accept(bytes, from: source) == .installed } catch {
            note(error)
            return false
        }
    }

    private func save(_ bytes: [UInt8]) async {
        guard let cache else { return }
        do throws(ClientError) { try await cache.write(bytes) } catch {
            options.logger.info("The last good document was not kept", metadata: ["error": "\(error)"])
        }
    }

    /// Keeps the failure for `initialize` and says it once in the log until things go well again.
    private func note(_ error: ClientError) {
        let isNew = report.withLock { report in
            report.failure = error
            defer { report.isTroubled = true }
            return !report.isTroubled
        }
        state.metrics.count(error)
        if isNew { options.logger.info("Specs could not be updated", metadata: ["error": "\(error)"]) }
    }

    // MARK: ID lists

    private func keepIDLists() async {
        await loaded.wait()
        while await state.timing.pause(spread(options.idListInterval)) { await refreshIDLists() }
    }

    private func loadIDLists() async {
        guard options.enableIDLists, !options.disableNetwork else { return }
        await refreshIDLists()
    }

    private func refreshIDLists() async {
        let (lists, failure) = await idLists.refresh(over: transport)
        guard !Task.isCancelled else { return }
        state.specs.setIDLists(lists)
        if let failure {
            options.logger.info("ID lists could not be updated", metadata: ["error": "\(failure)"])
        } else {
            report.withLock { $0.areIDListsReady = true }
        }
    }

    /// The interval, give or take 10 %.
    private func spread(_ interval: Duration) -> Duration { interval * (0.9 + 0.2 * state.timing.random()) }
}
