// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvents
internal import FloodgateGzip
internal import FloodgateJSON

/// Brings events to the server: one request at a time, each batch with the same bytes at most five times.
actor EventSender {
    /// What made a batch go, as the server is told.
    enum Flush: String, Sendable {
        case maxTime = "scheduled:max_time"
        case fullBatch = "scheduled:full_batch"
        case limit
        case manual
        case shutdown
    }

    private struct Batch {
        /// The same over all attempts, also those of a later process; nil for what an earlier version left on disk.
        let id: String?
        let body: [UInt8]
        let isCompressed: Bool
        let count: Int
        /// Drops that this batch tells the server of.
        let droppedCount: Int
        var attempts = 0
        /// Where the batch lies on disk, if an earlier shutdown left it there.
        var file: String?
    }

    private enum Verdict {
        case delivered, refused, failed
    }

    private static let maxAttempts = 5
    private static let maxAnswerBytes = 1 << 20

    private let settings: Settings
    private let timing: Timing
    private let queue: EventQueue
    private let counts: EventCounts
    private let failover: Failover
    private let spill: EventSpill?
    private let turnstile = Turnstile()
    private var unsent: [Batch] = []
    private var backoff = FlushBackoff()
    private var usualBytes = 4096
    private var batchNumber = 0
    private var lastAttempt: Int64
    /// How long the server wants to be left alone, from the last attempt on.
    private var rest = Duration.zero

    init(
        settings: Settings,
        timing: Timing,
        queue: EventQueue,
        counts: EventCounts,
        budget: SharedRetryBudget
    ) {
        self.settings = settings
        self.timing = timing
        self.queue = queue
        self.counts = counts
        self.failover = Failover(settings.eventsURLs, budget: budget, timing: timing)
        let folder = settings.options.spillsEvents ? settings.options.cacheFolder : nil
        self.spill = folder.map {
            EventSpill(folder: $0, key: settings.key, session: settings.sessionID, timing: timing)
        }
        self.lastAttempt = timing.monotonic()
    }

    /// Sends what is due; called once a second.
    func tick(over transport: any Transport) async {
        await inTurn { sender in
            let waited = sender.timing.monotonic() - sender.lastAttempt
            guard waited >= max(sender.backoff.interval, sender.rest).nanoseconds else { return }
            let backlog = sender.queue.backlog
            if !sender.unsent.isEmpty {
                await sender.send(.maxTime, partial: false, over: transport)
            } else if backlog.full {
                await sender.send(.fullBatch, partial: false, over: transport)
            } else if backlog.any, waited >= sender.settings.options.flushInterval.nanoseconds {
                await sender.send(.maxTime, partial: true, over: transport)
            }
        }
    }

    /// Sends full batches at once, unless the server had trouble lately.
    func sendFullBatches(over transport: any Transport) async {
        await inTurn { sender in
            guard !sender.backoff.isActive, sender.rest == .zero, sender.unsent.isEmpty else { return }
            await sender.send(.limit, partial: false, over: transport)
        }
    }

    /// Tries everything that waits once; what fails is kept, or dropped by a shutdown.
    func flush(_ flush: Flush, over transport: any Transport) async {
        await inTurn { sender in
            await sender.send(flush, partial: true, over: transport)
        }
    }

    /// Takes up what earlier shutdowns left on disk.
    /// - Returns: Whether that is done; it is not if the folder does not read now.
    func recover() async -> Bool {
        guard let spill else { return true }
        guard let found = try? await spill.claim(at: timing.wall()) else { return false }
        for (batch, file) in found {
            counts.recovered(batch.count)
            unsent.append(
                Batch(
                    id: batch.id,
                    body: batch.body,
                    isCompressed: batch.isCompressed,
                    count: batch.count,
                    droppedCount: 0,
                    file: file
                )
            )
        }
        return true
    }

    /// Gives up everything that still waits, or leaves it on disk, as far as it gets there before the task is cancelled.
    func abandon() async {
        backoff = FlushBackoff()
        rest = .zero
        if let spill { await leave(in: spill) }
        for batch in unsent { drop(batch, .shutdown) }
        unsent = []
        while let chunk = queue.take(partial: true) { counts.dropped(chunk.events.count, .shutdown) }
    }

    private func leave(in spill: EventSpill) async {
        while let batch = next(.shutdown, partial: true) { unsent.append(batch) }
        var leaving = unsent
        unsent = []
        for batch in leaving {
            guard let file = batch.file else { continue }
            await spill.release(file)
            counts.spilled(batch.count)
        }
        leaving.removeAll { $0.file != nil }
        let count = await spill.write(
            leaving.map { EventSpill.Batch(id: $0.id, body: $0.body, isCompressed: $0.isCompressed, count: $0.count) }
        )
        counts.spilled(count)
        counts.dropped(leaving.reduce(0) { $0 + $1.count } - count, .shutdown)
    }

    private func inTurn(_ work: (isolated EventSender) async -> Void) async {
        guard await turnstile.enter() else { return }
        await work(self)
        turnstile.leave()
    }

    private func send(_ flush: Flush, partial: Bool, over transport: any Transport) async {
        let triesAll = flush == .manual || flush == .shutdown
        var retries = unsent
        unsent = []
        while !retries.isEmpty {
            let batch = retries.removeFirst()
            guard await attempt(batch, flush, over: transport) == .failed, !triesAll else { continue }
            unsent += retries
            return bound()
        }
        while !Task.isCancelled {
            // With the batch that is still open goes all that was there when this began. What is logged while it is
            // sent waits for the next time, or this would never end.
            let isLast = partial && !queue.backlog.full
            guard let batch = next(flush, partial: partial) else { break }
            if await attempt(batch, flush, over: transport) == .failed, !triesAll { break }
            if isLast { break }
        }
        bound()
    }

    /// The next batch from the queue.
    private func next(_ flush: Flush, partial: Bool) -> Batch? {
        var chunk = queue.take(partial: partial)
        let checks = partial ? queue.takeNonExposed() : [:]
        guard chunk != nil || !checks.isEmpty else { return nil }
        var encoder = EventEncoder(capacity: usualBytes)
        if let chunk = chunk.take() {
            encoder.append(chunk.events)
            queue.recycle(chunk)
        }
        if !checks.isEmpty { encoder.append(nonExposedChecks: checks, time: timing.wall()) }
        let count = encoder.count
        let droppedCount = counts.unreported
        counts.report(droppedCount)
        let body = encoder.finish(metadata(flush, droppedCount: droppedCount))
        // Room for the next one at once, as batches are much alike.
        usualBytes = body.count + body.count / 8
        let compressed = settings.options.compressesEvents ? try? Gzip.compress(body, level: 1) : nil
        batchNumber += 1
        return Batch(
            id: "\(settings.sessionID)-\(batchNumber)",
            body: compressed ?? body,
            isCompressed: compressed != nil,
            count: count,
            droppedCount: droppedCount
        )
    }

    private func attempt(_ batch: Batch, _ flush: Flush, over transport: any Transport) async -> Verdict {
        lastAttempt = timing.monotonic()
        let verdict = await post(batch, over: transport)
        switch verdict {
        case .delivered:
            backoff.succeeded()
            counts.sent(batch.count)
            if let file = batch.file { await spill?.delete(file) }
        case .refused:
            drop(batch, .refused)
            if let file = batch.file { await spill?.delete(file) }
        case .failed:
            backoff.failed()
            var batch = batch
            batch.attempts += 1
            if flush == .shutdown, spill == nil {
                drop(batch, .shutdown)
            } else if batch.attempts >= Self.maxAttempts {
                drop(batch, .retriesExhausted)
                if let file = batch.file { await spill?.delete(file) }
            } else {
                unsent.append(batch)
            }
        }
        return verdict
    }

    private func post(_ batch: Batch, over transport: any Transport) async -> Verdict {
        var headers = settings.headers(at: timing.wall())
        headers.append(("content-type", "application/json"))
        headers.append(("statsig-event-count", String(batch.count)))
        headers.append(("statsig-retry-count", String(batch.attempts)))
        // What the server makes the events' ids of, so that a batch whose answer was lost counts once.
        if let id = batch.id { headers.append(("idempotency-key", id)) }
        if batch.isCompressed { headers.append(("content-encoding", "gzip")) }
        do throws(ClientError) {
            let (answer, _) = try await failover.send(over: transport) { server in
                TransportRequest(
                    purpose: .events,
                    method: .post,
                    url: server,
                    headers: headers,
                    body: batch.body,
                    maxAnswerBytes: Self.maxAnswerBytes,
                    timeout: settings.options.requestTimeout
                )
            }
            // By chance up to half of it more, so that a fleet does not come back as one.
            rest = (answer.retryAfter ?? .zero) * (1 + timing.random() / 2)
            if ClientError.finalStatuses.contains(answer.status) { return .refused }
            guard 200..<300 ~= answer.status else { return .failed }
            // Whatever else the body says, the status is a yes.
            let json = try? JSONValue(parsing: answer.body)
            return json?["success"]?.boolValue == false ? .failed : .delivered
        } catch {
            return .failed
        }
    }

    /// Drops the oldest batches beyond the bounds on number and bytes.
    private func bound() {
        var bytes = unsent.reduce(0) { $0 + $1.body.count }
        while unsent.count > settings.options.maxPendingBatches || bytes > settings.options.maxEventBytes {
            guard !unsent.isEmpty else { return }
            let oldest = unsent.removeFirst()
            bytes -= oldest.body.count
            drop(oldest, .overflow)
        }
    }

    private func drop(_ batch: Batch, _ reason: EventStatistics.DropReason) {
        counts.dropped(batch.count, reason)
        // What this batch was to report has not been heard.
        counts.report(-batch.droppedCount)
    }

    private func metadata(_ flush: Flush, droppedCount: Int) -> JSONObject {
        var object: JSONObject = [
            "sdkType": .string(Settings.sdkType),
            "sdkVersion": .string(Settings.sdkVersion),
            "sessionID": .string(settings.sessionID),
            "os": .string(Platform.os),
            "arch": .string(Platform.arch),
            "flushingIntervalMs": .integer(backoff.interval.milliseconds),
            "batchSize": .integer(settings.options.eventBatchSize),
            "maxPendingBatches": .integer(settings.options.maxPendingBatches),
            "flushType": .string(flush.rawValue),
        ]
        if droppedCount > 0 { object["droppedEventCount"] = .integer(droppedCount) }
        return object
    }
}

/// What the program runs on.
private enum Platform {
    #if os(Linux)
        static let os = "linux"
    #elseif os(macOS)
        static let os = "macos"
    #else
        static let os = "other"
    #endif
    #if arch(x86_64)
        static let arch = "x86_64"
    #elseif arch(arm64)
        static let arch = "aarch64"
    #else
        static let arch = "other"
    #endif
}
