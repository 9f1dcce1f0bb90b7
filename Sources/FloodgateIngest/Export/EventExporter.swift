// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateWarehouse
package import Logging
internal import Synchronization

/// Writes what the log accepted to files by hour of arrival, with the columns of the warehouse's tables.
///
/// `exposures/date=2025-06-15/hour=09/NODE-FIRST-LAST.ndjson.gz` has the rows of the batches from position FIRST to LAST. A
/// file is there whole or not at all, and never changes. What was under way in a crash is written again under the same name;
/// an event that was sent twice may be in two files, with the same id.
package actor EventExporter: LogFollower {
    let log: any BatchSource
    let settings: ExportSettings
    let options: ExportOptions
    let volume: any ExportVolume
    let parquet: (any ParquetWriting)?
    let logger: Logger
    private let file: FollowerFile
    private let now: @Sendable () -> Int64
    private let pause: @Sendable (Duration) async -> Void
    private let jitter: @Sendable () -> Double

    private nonisolated let done: Atomic<Int64>
    var current = ExportReport()
    let draft: BlockDraft
    private var plan: ExportPlan
    private var isStarted = false
    /// The piece that more batches may come to.
    private var forming: (piece: ExportPiece, size: Int64, since: Int64)?
    private var averageBytes = 1 << 16

    /// Makes an exporter.
    ///
    /// - Parameters:
    ///   - log: What to export; a log whose beginning was trimmed is exported from where it begins.
    ///   - settings: Where to, and how.
    ///   - options: How the log is cut.
    ///   - plan: The path of a small file that says how far the export is; not in the export's own folder.
    ///   - logEnd: The log's last position at the start; a plan that is beyond it is of another log, as before a backup was
    ///     put back.
    ///   - volume: The disks.
    ///   - parquet: Makes Parquet files; needed for that format only.
    ///   - logger: Is told of failures.
    ///   - now: Unix milliseconds.
    ///   - pause: Waits, and returns early if the task is cancelled.
    ///   - jitter: A number from 0 to 1 for each pause after a failure.
    /// - Throws: `EventLogError` if the plan cannot be read, `EventScannerError` if there is no memory.
    package init(
        log: any BatchSource,
        settings: ExportSettings,
        options: ExportOptions,
        plan: String,
        logEnd: Int64 = .max,
        volume: any ExportVolume = DiskVolume(),
        parquet: (any ParquetWriting)? = nil,
        logger: Logger,
        now: @escaping @Sendable () -> Int64,
        pause: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) },
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) throws {
        self.log = log
        self.settings = settings
        self.options = options
        self.volume = volume
        self.parquet = parquet
        self.logger = logger
        self.now = now
        self.pause = pause
        self.jitter = jitter
        file = FollowerFile(path: plan, volume: volume)
        draft = try BlockDraft(node: options.node)
        let kept = try file.read()
        let known = kept.flatMap(ExportPlan.init).flatMap { plan in
            plan.node == options.node && max(plan.position, plan.piece?.last ?? 0) <= logEnd ? plan : nil
        }
        if kept != nil, known == nil {
            logger.notice("The export's plan is not of this log, which is exported from its beginning")
        }
        self.plan = known ?? ExportPlan(node: options.node)
        done = Atomic(self.plan.position)
        current.position = self.plan.position
    }

    package nonisolated var position: Int64 { done.load(ordering: .acquiring) }

    /// How far it is.
    package var report: ExportReport { current }

    /// Has hashed names of gates and configs, which client SDKs may send, written out from now on; `names` are by their hashes.
    package func rename(_ names: [String: String]) throws { try draft.rename(names) }

    /// Exports until its task is cancelled; what is in no file then is exported at the next start.
    package func run() async {
        while !Task.isCancelled {
            switch await step() {
            case .moved: continue
            case .waiting: await pause(options.pause)
            case .failed(let time): await pause(time)
            }
        }
    }

    /// Does the next thing: looks for batches, or writes the files of a piece.
    package func step() async -> LogFollowerStep {
        do {
            if !isStarted {
                try clearIncoming()
                isStarted = true
            }
            guard let piece = plan.piece else { return try await gather() }
            try await write(piece)
            try note(position: piece.last, piece: nil)
            current.failuresInARow = 0
            current.lastError = nil
            current.waitingSince = nil
            return .moved
        } catch is CancellationError {
            return .waiting
        } catch {
            return failed(error)
        }
    }

    // MARK: Gathering

    /// Looks at batches until there are enough for a piece; only their places are kept.
    private func gather() async throws -> LogFollowerStep {
        let batches = try await read(after: forming?.piece.last ?? plan.position)
        for batch in batches {
            let hour = ExportHour(of: batch.receivedAt)
            var next = forming ?? (ExportPiece(first: batch.id, last: batch.id, hour: hour), 0, now())
            guard next.piece.hour == hour else { return try close(next.piece) }
            next.piece.last = batch.id
            next.size += Int64(clamping: batch.rawSizeBytes)
            if forming == nil { current.waitingSince = batch.receivedAt }
            forming = next
            if next.size >= options.sizeBytes { return try close(next.piece) }
        }
        guard let forming else { return .waiting }
        let age = Duration.milliseconds(now().subtractingReportingOverflow(forming.since).partialValue)
        let sinceHour = Duration.milliseconds(now().subtractingReportingOverflow(forming.piece.hour.end).partialValue)
        if age >= settings.interval || (batches.isEmpty && sinceHour >= options.grace) {
            return try close(forming.piece)
        }
        return batches.isEmpty ? .waiting : .moved
    }

    private func close(_ piece: ExportPiece) throws -> LogFollowerStep {
        try note(position: plan.position, piece: piece)
        forming = nil
        return .moved
    }

    private func note(position: Int64, piece: ExportPiece?) throws {
        var next = ExportPlan(node: options.node)
        next.position = position
        next.piece = piece
        try file.write(next.bytes)
        plan = next
        current.position = position
        done.store(position, ordering: .releasing)
    }

    /// The next batches, so many that they are about `readBytes`.
    func read(after position: Int64) async throws -> [LoggedBatch] {
        let limit = max(16, min(4_096, options.readBytes / max(1, averageBytes)))
        let batches = try await log.read(after: position, limit: limit)
        if !batches.isEmpty { averageBytes = batches.reduce(0) { $0 + $1.payload.count } / batches.count }
        return batches
    }

    private func failed(_ error: any Error) -> LogFollowerStep {
        // What was written so far is of no use, and the disk may be full of it.
        try? clearIncoming()
        let code = (error as? EventLogError)?.code.rawValue ?? (error as? WarehouseError)?.code.rawValue ?? "memory"
        current.failures[code, default: 0] += 1
        current.failuresInARow += 1
        current.lastError = "\(error)"
        logger.warning("An export failed, and is tried again", metadata: ["error": "\(error)", "code": "\(code)"])
        let doublings = min(current.failuresInARow - 1, 20)
        let most = min(Duration.milliseconds(100) * (1 << doublings), options.longestPause)
        return .failed(most * jitter())
    }
}
