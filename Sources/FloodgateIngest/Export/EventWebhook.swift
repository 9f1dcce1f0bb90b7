// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
package import Logging
internal import Synchronization

/// Posts what the log accepted to an address: in order, signed, each event at least once and always with the same id.
package actor EventWebhook: LogFollower {
    private let log: any BatchSource
    private let settings: WebhookSettings
    private let options: WebhookOptions
    private let file: FollowerFile
    private let sender: any WebhookSender
    private let logger: Logger
    private let now: @Sendable () -> Int64
    private let pause: @Sendable (Duration) async -> Void
    private let jitter: @Sendable () -> Double

    private nonisolated let done: Atomic<Int64>
    private var current = WebhookReport()
    private let maker: WebhookEvents
    /// What is posted next.
    private var parcel: WebhookParcel?
    /// Batches that were read and are not all in parcels, and the rest of the first of them.
    private var unread: ArraySlice<LoggedBatch> = []
    private var rest: ArraySlice<WebhookEvents.Made>?

    /// Makes a webhook.
    ///
    /// - Parameters:
    ///   - log: What to post; a log whose beginning was trimmed is posted from where it begins.
    ///   - settings: Where to, and which events.
    ///   - options: How patiently.
    ///   - cursor: The path of a small file that says how far it is.
    ///   - logEnd: The log's last position at the start; a cursor that is beyond it is of another log, as before a backup was
    ///     put back.
    ///   - sender: Sends posts.
    ///   - volume: The disks.
    ///   - logger: Is told of refusals and failures.
    ///   - now: Unix milliseconds.
    ///   - pause: Waits, and returns early if the task is cancelled.
    ///   - jitter: A number from 0 to 1 for each pause after a failure.
    /// - Throws: `EventLogError` if the cursor cannot be read, `EventScannerError` if there is no memory.
    package init(
        log: any BatchSource,
        settings: WebhookSettings,
        options: WebhookOptions,
        cursor: String,
        logEnd: Int64 = .max,
        sender: any WebhookSender,
        volume: any ExportVolume = DiskVolume(),
        logger: Logger,
        now: @escaping @Sendable () -> Int64,
        pause: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) },
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) throws {
        self.log = log
        self.settings = settings
        self.options = options
        self.sender = sender
        self.logger = logger
        self.now = now
        self.pause = pause
        self.jitter = jitter
        file = FollowerFile(path: cursor, volume: volume)
        maker = try WebhookEvents(node: options.node, filter: settings.filter)
        let kept = try file.read()
        let place = kept.flatMap { Self.place($0, node: options.node) }.flatMap { place in
            (place.number > 0 ? place.position : place.position - 1) <= logEnd ? place : nil
        }
        if kept != nil, place == nil {
            logger.notice("The webhook's cursor is not of this log, which is posted from its beginning")
        }
        current.place = place ?? .start
        done = Atomic(max(0, current.place.position - 1))
    }

    package nonisolated var position: Int64 { done.load(ordering: .acquiring) }

    /// How far it is.
    package var report: WebhookReport { current }

    /// Has hashed names of gates and configs, which client SDKs may send, written out from now on; `names` are by their hashes.
    package func rename(_ names: [String: String]) { maker.rename(names) }

    /// Posts until its task is cancelled; what was not answered then is posted again at the next start.
    package func run() async {
        while !Task.isCancelled {
            switch await step() {
            case .moved: continue
            case .waiting: await pause(options.pause)
            case .failed(let time): await pause(time)
            }
        }
    }

    /// Does the next thing: looks for events, or tries to post some.
    package func step() async -> LogFollowerStep {
        do {
            guard let parcel, parcel.isClosed else { return try await gather() }
            return try await post(parcel)
        } catch {
            let code = (error as? EventLogError)?.code.rawValue ?? "memory"
            return failed(code, "\(error)")
        }
    }

    // MARK: Gathering

    /// Looks at batches until there are enough events for a post, or the first is old enough.
    private func gather() async throws -> LogFollowerStep {
        if unread.isEmpty {
            let place = parcel?.end ?? current.place
            unread = try await log.read(after: place.position - 1, limit: options.batches)[...]
            guard !unread.isEmpty else { return closeIfOld() ? .moved : .waiting }
        }
        var next = parcel ?? WebhookParcel(end: current.place, since: now())
        // Whatever is thrown, what was taken out of a batch is in the parcel.
        defer { parcel = next }
        while let batch = unread.first {
            if rest == nil { rest = try made(of: batch, from: next.end)[...] }
            while let event = rest?.first {
                guard next.count < options.events, next.isEmpty || next.size + event.json.count <= options.sizeBytes
                else {
                    next.isClosed = true
                    return .moved
                }
                if next.isEmpty { current.waitingSince = batch.receivedAt }
                next.add(event.json, end: LogCursor(position: batch.id, number: event.number + 1))
                rest?.removeFirst()
            }
            rest = nil
            unread.removeFirst()
            next.end = LogCursor(behind: batch.id)
        }
        next.isClosed = isOld(next)
        return .moved
    }

    /// The events of a batch from a place on; none if it cannot be read, which the loader makes a dead letter of.
    private func made(of batch: LoggedBatch, from place: LogCursor) throws -> [WebhookEvents.Made] {
        do {
            let first = place.position == batch.id ? place.number : 0
            return try maker.events(of: batch).filter { $0.number >= first }
        } catch let error as EventLogError where error.code == .corrupt {
            logger.error("A batch of the log cannot be read", metadata: ["error": "\(error)"])
            current.corruptBatches += 1
            return []
        }
    }

    private func closeIfOld() -> Bool {
        guard let parcel, isOld(parcel) else { return false }
        self.parcel?.isClosed = true
        return true
    }

    private func isOld(_ parcel: WebhookParcel) -> Bool {
        Duration.milliseconds(now().subtractingReportingOverflow(parcel.since).partialValue) >= options.age
    }

    // MARK: Posting

    private func post(_ parcel: WebhookParcel) async throws -> LogFollowerStep {
        guard !parcel.isEmpty, !parcel.isSettled else { return try advance(to: parcel.end) }
        let time = now()
        let body = parcel.body
        let post = WebhookPost(
            url: settings.url,
            headers: [
                "Content-Type": "application/json",
                "X-Statsig-Request-Timestamp": "\(time)",
                "X-Statsig-Signature": WebhookSignature.of(body, at: time, secret: settings.secret),
            ],
            body: body
        )
        let status: Int
        do {
            status = try await sender.send(post)
        } catch {
            return failed("unreachable", "\(error)")
        }
        switch status {
        case 200..<300:
            current.posts += 1
            current.events += Int64(parcel.count)
        case 400..<500 where status != 408 && status != 429:
            self.parcel?.refusals += 1
            guard parcel.refusals + 1 >= options.attempts else { return failed("\(status)", "status \(status)") }
            logger.error(
                "A webhook refuses a post, which is left out",
                metadata: [
                    "status": "\(status)", "events": "\(parcel.count)", "before": "\(parcel.end.position)",
                ]
            )
            current.refusedPosts += 1
            current.refusedEvents += Int64(parcel.count)
        default: return failed("\(status)", "status \(status)")
        }
        // Should the cursor not be kept now, it is tried again alone.
        self.parcel?.isSettled = true
        return try advance(to: parcel.end)
    }

    private func advance(to end: LogCursor) throws -> LogFollowerStep {
        var writer = JSONWriter()
        writer.write(
            .object([
                "node": .string(options.node), "position": .integer(end.position), "number": .integer(end.number),
            ])
        )
        try file.write(writer.bytes)
        current.place = end
        done.store(max(0, end.position - 1), ordering: .releasing)
        parcel = nil
        current.failuresInARow = 0
        current.lastError = nil
        current.waitingSince = nil
        return .moved
    }

    private static func place(_ bytes: [UInt8], node: String) -> LogCursor? {
        guard let object = try? JSONValue(parsing: bytes).objectValue, object.text("node") == node,
            let position = object["position"]?.integerValue, let number = object["number"]?.integerValue,
            position >= 0, let number = Int(exactly: number), number >= 0
        else { return nil }
        return LogCursor(position: position, number: number)
    }

    private func failed(_ code: String, _ message: String) -> LogFollowerStep {
        current.failures[code, default: 0] += 1
        current.failuresInARow += 1
        current.lastError = message
        logger.warning("A webhook failed, and is tried again", metadata: ["error": "\(message)", "code": "\(code)"])
        let doublings = min(current.failuresInARow - 1, 20)
        return .failed(min(options.firstPause * (1 << doublings), options.longestPause) * jitter())
    }
}
