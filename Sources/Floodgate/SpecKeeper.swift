// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateJSON
internal import FloodgateSnapshots
internal import Logging
internal import Synchronization

/// Keeps the specs up to date: loads the first ones from wherever there are some, then polls, or follows a stream.
final class SpecKeeper: Sendable {
    private struct Report {
        var failure: ClientError?
        /// Whether the log has been told of a failure since the last success.
        var isTroubled = false
        /// Likewise of the data store.
        var isStoreTroubled = false
        /// Whether the last good document, good or not, was read.
        var isCacheRead = false
    }

    /// Opens when the first load is over, well or not, or when there is something to answer from meanwhile.
    let loaded: Latch
    private let state: ClientState
    private let transport: any Transport
    private let fetcher: SpecsFetcher
    private let cache: SpecFile?
    /// Decides which documents are genuine; nil if the application does not ask.
    private let snapshotGuard: SnapshotGuard?
    private let store: StoreLink?
    private let stream: StreamFollower?
    private let reporter: UseReporter?
    /// Hears that ID lists have changed, and over how long clients should spread.
    private let onListNews: @Sendable (Duration) -> Void
    let diagnostics: Diagnostics
    private let report = Mutex(Report())
    /// The document in use as it came, of which changes make the next one; nil without a stream.
    private let held = Mutex<HeldDocument?>(nil)
    /// Installs and keeps one document at a time, so that an older one is never kept over a newer one.
    private let turnstile = Turnstile()

    init(
        state: ClientState,
        transport: any Transport,
        store: StoreLink?,
        loaded: Latch,
        onListNews: @escaping @Sendable (Duration) -> Void
    ) {
        let (settings, timing) = (state.settings, state.timing)
        let options = settings.options
        self.state = state
        self.transport = transport
        self.store = store
        self.loaded = loaded
        self.onListNews = onListNews
        self.diagnostics = Diagnostics(isEnabled: state.logsEvents && !options.disableDiagnostics, timing: timing)
        let failover = Failover(settings.specsURLs, budget: state.budget, timing: timing)
        self.fetcher = SpecsFetcher(settings: settings, timing: timing, failover: failover)
        self.snapshotGuard = settings.snapshotGuard
        self.cache = options.cacheFolder.map { SpecFile(lastGoodOf: settings.key, in: $0, on: state.disk) }
        let reporter = options.reportsUse ? UseReporter(settings: settings, timing: timing) : nil
        self.reporter = reporter
        let isOnNetwork = options.file == nil && !options.disableNetwork && store?.isPolled != true
        self.stream =
            options.streaming && isOnNetwork
            ? StreamFollower(settings: settings, timing: timing, budget: state.budget) { isOpen in
                options.logger.debug("The stream of changes opened or ended", metadata: ["open": "\(isOpen)"])
                state.hub.emit(isOpen ? .streamOpened : .streamEnded)
                if isOpen { reporter?.didChange() }
            } : nil
    }

    private var options: FloodgateClient.Options { state.settings.options }

    /// What went wrong while loading, if anything did.
    var failure: ClientError? { report.withLock { $0.failure } }

    /// Whether changes come over a stream.
    var isStreaming: Bool { stream?.isOpen ?? false }

    // MARK: The first load

    /// Finds specs to begin with: what the application gave or its store has, else the last good document, else the
    /// server's.
    func load() async {
        var isFound = false
        if let bytes = state.settings.bootstrap.take() {
            diagnostics.mark("bootstrap", "start", step: "process")
            isFound = install(bytes, from: .bootstrap)
            diagnostics.mark("bootstrap", "end", step: "process", ["success": .bool(isFound)])
        }
        if options.file != nil {
            if !isFound { await refresh(retries: 0) }
        } else {
            if await loadFromStore() { isFound = true }
            if !isFound {
                // Answers at once what a start without a server would answer, and asks the server behind.
                if await loadFromCache() { loaded.open() }
                if !options.disableNetwork { await refresh(retries: 0, isFirst: true) }
            }
        }
        // After a first answer that there is nothing new the source stays `loading`.
        if failure != nil || options.disableNetwork { state.specs.explainAbsence(.noValues) }
    }

    private func loadFromStore() async -> Bool {
        guard let store else { return false }
        diagnostics.mark("data_store_config_specs", "start", step: "process")
        var isFound = false
        defer { diagnostics.mark("data_store_config_specs", "end", step: "process", ["success": .bool(isFound)]) }
        do throws(ClientError) {
            try await store.open()
            guard let entry = try await store.read() else { return false }
            isFound = try accept(entry.value, from: .dataStore) == .installed
            return isFound
        } catch {
            noteStore(error)
            return false
        }
    }

    private func loadFromCache() async -> Bool {
        guard let cache else { return false }
        for file in [cache, cache.previous] {
            guard let content = try? await file.readDated() else { continue }
            report.withLock { $0.isCacheRead = true }
            if use(content) { return true }
        }
        return false
    }

    /// Takes what was kept, if it is good.
    private func use(_ file: (bytes: [UInt8], time: Int64?)) -> Bool {
        guard let snapshotGuard else { return install(file.bytes, from: .file, receivedAt: file.time) }
        do throws(ClientError) {
            guard let snapshot = try snapshotGuard.check(file: file.bytes) else {
                return install(file.bytes, from: .file, receivedAt: file.time)
            }
            guard try accept(snapshot.payload, from: .file, receivedAt: file.time) == .installed else { return false }
            snapshotGuard.hold(snapshot)
            return true
        } catch {
            note(error)
            return false
        }
    }

    // MARK: Updates

    /// Looks for newer documents until the task is cancelled.
    func keep() async {
        if options.disableNetwork, options.file == nil, store?.isPolled != true { return }
        guard let stream else { return await poll() }
        let (announcements, announcer) = AsyncStream<StreamMachine.Announcement>.makeStream(
            bufferingPolicy: .bufferingNewest(1)
        )
        await withTaskGroup { group in
            group.addTask { await self.poll() }
            if let reporter {
                group.addTask { await reporter.run(over: self.transport) { self.use } }
            }
            group.addTask {
                for await announcement in announcements {
                    guard await self.state.timing.pause(announcement.spread * self.state.timing.random()) else {
                        return
                    }
                    await self.refresh(retries: 3, atLeast: announcement.time)
                }
            }
            group.addTask {
                await stream.follow(over: self.transport, held: { self.state.specs.held }) { action in
                    switch action {
                    case .nothing: break
                    case .fetch(let announcement): announcer.yield(announcement)
                    case .install(let bytes): await self.take(bytes)
                    case .fetchLists(let spread): self.onListNews(spread)
                    case .apply(let change):
                        if await !self.apply(change) { announcer.yield(change.otherwise) }
                    }
                }
            }
        }
    }

    private func poll() async {
        var pause = spread(options.pollInterval)
        var hasWaited = false
        while await state.timing.pause(pause) {
            if let stream, !stream.needsPoll {
                guard let failure else {
                    pause = spread(options.pollInterval)
                    continue
                }
                // What was announced and could not be had is asked for as without a stream, when the server wants it.
                if let wait = failure.retryAfter, !hasWaited {
                    hasWaited = true
                    pause = wait * (1 + state.timing.random() / 2)
                    continue
                }
            }
            hasWaited = false
            let held = state.specs.held
            diagnostics.begin(.configSync)
            await refresh(retries: 3)
            // What could not be read when the client began, such as for want of descriptors, is better than nothing.
            if failure != nil, !state.specs.isReady, !report.withLock({ $0.isCacheRead }), options.file == nil {
                _ = await loadFromCache()
            }
            // That there is nothing new is no news.
            if failure == nil, state.specs.held == held { diagnostics.discard() } else { logDiagnostics() }
            stream?.polled()
            if let age = state.specs.status.age { state.metrics.recordAge(age) }
            pause = max(spread(options.pollInterval), (failure?.retryAfter ?? .zero) * (1 + state.timing.random() / 2))
        }
    }

    /// Looks once for a newer document, again after a moment if the server is in trouble, or if it has not got the
    /// document of time `atLeast` yet.
    private func refresh(retries: Int, atLeast time: UInt64 = 0, isFirst: Bool = false) async {
        for attempt in 0...retries {
            guard let error = await refreshOnce(atLeast: time, isFirst: isFirst) else { return succeeded() }
            guard !Task.isCancelled, error.code != .cancelled else { return }
            note(error)
            guard error.isRetryable, error.retryAfter == nil, attempt < retries, state.budget.takesRetry() else {
                return
            }
            // 0.2, 0.4 and 0.8 s at most: full jitter, so that a fleet does not come back as one.
            let limit = Duration.milliseconds(200 << attempt)
            guard await state.timing.pause(limit * state.timing.random()) else { return }
        }
    }

    private func refreshOnce(atLeast time: UInt64, isFirst: Bool) async -> ClientError? {
        do throws(ClientError) {
            if let path = options.file {
                _ = try accept(try await SpecFile(path: path, on: state.disk).read(), from: .file)
            } else if let store, store.isPolled, !isFirst || options.disableNetwork {
                if let entry = try await store.read() { _ = try accept(entry.value, from: .dataStore) }
            } else {
                try await fetch()
                // A cache in between may not have heard of the document yet.
                if let held = state.specs.held, held.time < time {
                    return ClientError(.network, "The server has not got the document yet that it announced")
                }
            }
            return nil
        } catch {
            return error
        }
    }

    private func fetch() async throws(ClientError) {
        let step = "download_config_specs"
        diagnostics.mark(step, "start", step: "network_request")
        let answer: SpecsFetcher.Answer
        do throws(ClientError) {
            let region: String?
            (answer, region) = try await fetcher.fetch(newerThan: state.specs.held, over: transport)
            var more: JSONObject = ["success": true]
            more.set("sdkRegion", region.map(JSONValue.string))
            diagnostics.mark(step, "end", step: "network_request", more)
        } catch {
            var more: JSONObject = ["success": false, "error": ["code": .string(error.code.rawValue)]]
            if let status = error.status { more["statusCode"] = .integer(status) }
            diagnostics.mark(step, "end", step: "network_request", more)
            throw error
        }
        switch answer {
        case .unchanged:
            state.metrics.count(.unchanged)
            state.specs.confirm()
        case .document(let bytes, let address, let seal):
            diagnostics.mark(step, "start", step: "process", ["payloadSize": .integer(bytes.count)])
            do throws(ClientError) {
                try await acceptAndKeep(bytes, seal: seal)
                diagnostics.mark(step, "end", step: "process", ["success": true])
            } catch {
                diagnostics.mark(step, "end", step: "process", ["success": false])
                // Whoever gives out documents that do not read is no better than one who gives none.
                if error.code == .document { fetcher.failover.failed(address) }
                throw error
            }
        }
    }

    /// Logs what was noted since `diagnostics.begin`, unless chance is against it.
    func logDiagnostics() {
        let (isReady, source) = (state.specs.isReady, state.specs.source)
        let end: JSONObject = [
            "success": .bool(failure == nil), "configSpecReady": .bool(isReady), "source": .string(source.wireName),
        ]
        guard let metadata = diagnostics.end(end, rates: state.specs.runtime.diagnostics) else { return }
        state.log(internal: "statsig::diagnostics", metadata)
    }

    /// Takes a document that came over the stream.
    private func take(_ bytes: [UInt8]) async {
        do throws(ClientError) {
            try await acceptAndKeep(bytes)
            succeeded()
        } catch {
            if error.code != .cancelled { note(error) }
        }
    }

    /// Makes a document of the one that is held, and takes it.
    /// - Returns: False if that is another one than the change is of, or nothing good comes of it: the whole must be fetched.
    private func apply(_ change: StreamMachine.Change) async -> Bool {
        guard let (bytes, hash) = held.withLock({ $0?.hashed }) else { return false }
        do throws(SnapshotError) {
            let document = try change.delta.applied(to: bytes, hash, limit: Settings.maxDocumentBytes)
            let fields = change.seal?.fields.map { ($0.name, $0.value) } ?? []
            do throws(ClientError) {
                try await acceptAndKeep(document, seal: Dictionary(fields) { first, _ in first })
                succeeded()
                return true
            } catch {
                guard error.code != .cancelled else { return true }
                note(error)
                return false
            }
        } catch {
            options.logger.debug("A change is not of the document held", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Which document is in use, and since when, while there is a stream.
    private var use: UseReporter.Use? {
        guard let stream, stream.isOpen, let specs = state.specs.held, let since = held.withLock({ $0?.since }) else {
            return nil
        }
        let age = (state.timing.monotonic() &- since) / 1_000_000
        return UseReporter.Use(held: specs, age: age, address: stream.address)
    }

    // MARK: Documents

    private func acceptAndKeep(_ bytes: [UInt8], seal: [String: String] = [:]) async throws(ClientError) {
        guard await turnstile.enter() else { throw ClientError(.cancelled, "The document came too late") }
        defer { turnstile.leave() }
        let signed = try snapshotGuard?.check(bytes, seal: seal)
        guard try accept(bytes, from: .network) == .installed else { return }
        if let signed { snapshotGuard?.hold(signed) }
        if let cache {
            do throws(ClientError) { try await cache.write(signed?.fileBytes ?? bytes) } catch {
                options.logger.info("The last good document was not kept", metadata: ["error": "\(error)"])
            }
        }
        guard let store, let time = state.specs.held?.time else { return }
        do throws(ClientError) {
            try await store.write(DataStoreEntry(bytes, time: time))
            report.withLock { $0.isStoreTroubled = false }
        } catch {
            noteStore(error)
        }
    }

    private func accept(
        _ bytes: [UInt8],
        from source: SpecSource,
        receivedAt time: Int64? = nil
    ) throws(ClientError) -> CurrentSpecs.Outcome {
        let outcome = try state.specs.install(bytes, from: source, receivedAt: time)
        state.metrics.count(outcome)
        if outcome == .installed {
            if let stream {
                held.withLock { $0 = HeldDocument(bytes, since: state.timing.monotonic()) }
                if stream.isOpen { reporter?.didChange() }
            }
            let status = state.specs.status
            let time = status.time ?? 0
            if source == .network, time > 0 {
                state.metrics.recordPropagation(max(0, state.timing.wall() &- Int64(clamping: time)))
            }
            state.hub.emit(.specsUpdated(from: source, time: time, checksum: status.checksum))
            options.logger.debug("Specs were installed", metadata: ["floodgate.source": "\(source.wireName)"])
        }
        return outcome
    }

    private func install(_ bytes: [UInt8], from source: SpecSource, receivedAt time: Int64? = nil) -> Bool {
        do throws(ClientError) { return try accept(bytes, from: source, receivedAt: time) == .installed } catch {
            note(error)
            return false
        }
    }

    // MARK: Reports

    private func succeeded() {
        report.withLock { report in
            report.failure = nil
            report.isTroubled = false
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
        state.hub.emit(.failed(error))
        if isNew { options.logger.info("Specs could not be updated", metadata: ["error": "\(error)"]) }
    }

    private func noteStore(_ error: ClientError) {
        guard error.code != .cancelled else { return }
        let isNew = report.withLock { report in
            defer { report.isStoreTroubled = true }
            return !report.isStoreTroubled
        }
        state.metrics.count(error)
        state.hub.emit(.failed(error))
        if isNew { options.logger.info("The data store is in trouble", metadata: ["error": "\(error)"]) }
    }

    /// The interval, give or take 10 %.
    private func spread(_ interval: Duration) -> Duration { interval * (0.9 + 0.2 * state.timing.random()) }
}

/// A document with its hash, which is computed when it is first asked for.
private struct HeldDocument {
    private let bytes: [UInt8]
    /// When it came into use, on the clock that never jumps.
    let since: Int64
    private var hash: SnapshotHash?

    init(_ bytes: [UInt8], since: Int64) {
        self.bytes = bytes
        self.since = since
    }

    var hashed: (bytes: [UInt8], hash: SnapshotHash) {
        mutating get {
            let hash = hash ?? SnapshotHash(of: bytes)
            self.hash = hash
            return (bytes, hash)
        }
    }
}
