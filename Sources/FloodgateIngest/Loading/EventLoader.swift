// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateWarehouse
package import Logging

/// Brings what the log accepted into the warehouse: in order, in blocks, each block until it is there.
///
/// What is loaded is known from the warehouse alone; the plan says which blocks were under way, so that after a crash the
/// same ones are loaded under the same ids and count once.
package actor EventLoader {
    /// What a step did.
    package enum Step: Sendable, Hashable {
        /// There may be more to do at once.
        case moved
        /// There is nothing to do yet.
        case waiting
        /// It failed, and should be tried again after a pause.
        case failed(Duration)
    }

    let log: any BatchSource
    let warehouse: any Warehouse
    package nonisolated let options: LoaderOptions
    let plan: any LoadPlan
    private let logEnd: Int64?
    let logger: Logger
    private let now: @Sendable () -> Int64
    private let pause: @Sendable (Duration) async -> Void
    private let jitter: @Sendable () -> Double

    private(set) var current = LoaderReport()
    var draft: BlockDraft?
    private var isStarted = false
    private var names: [String: String] = [:]
    /// The pieces under way, the first of them first.
    var pieces: [LoadPiece] = []
    /// The block of the first piece, while it is tried.
    var block: EventBlock?
    var triesOfPiece = 0
    var refusalsInARow = 0
    /// What is being made of batches that are not in the plan yet.
    private var forming: (start: LogCursor, end: LogCursor, day: ArrivalDay, since: Int64, storedAt: Int64?)?
    /// What is to be under way as soon as the plan says so: nothing else, since the plan may say so already.
    private var opening: (pieces: [LoadPiece], block: EventBlock?)?
    /// Since when the plan begins behind what the warehouse says it has; nil if it does not.
    private var aheadSince: Int64?
    /// Batches that were read and not used.
    private var unread: ArraySlice<LoggedBatch> = []
    private var averageBytes = 1 << 16

    /// Makes a loader.
    ///
    /// - Parameters:
    ///   - log: What to load; it may have been loaded in part.
    ///   - warehouse: Where to.
    ///   - options: How.
    ///   - plan: Where the plan is kept.
    ///   - logEnd: The log's last position before this process; a plan beyond it is another log's. Nil if that is not known.
    ///   - logger: Is told of refusals and failures.
    ///   - now: Unix milliseconds.
    ///   - pause: Waits, and returns early if the task is cancelled.
    ///   - jitter: A number from 0 to 1 for each pause after a failure.
    package init(
        log: any BatchSource,
        warehouse: any Warehouse,
        options: LoaderOptions,
        plan: any LoadPlan,
        logEnd: Int64? = nil,
        logger: Logger,
        now: @escaping @Sendable () -> Int64,
        pause: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) },
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.log = log
        self.warehouse = warehouse
        self.options = options
        self.plan = plan
        self.logEnd = logEnd
        self.logger = logger
        self.now = now
        self.pause = pause
        self.jitter = jitter
    }

    /// Has hashed names of gates and configs, which client SDKs may send, written out from now on; `names` are by their hashes.
    package func rename(_ names: [String: String]) throws {
        guard names != self.names else { return }
        try draft?.rename(names)
        self.names = names
    }

    /// How far it is.
    package var report: LoaderReport { current }

    /// Loads until its task is cancelled; what is under way then is loaded at the next start.
    package func run() async {
        while !Task.isCancelled {
            switch await step() {
            case .moved: continue
            case .waiting: await pause(options.interval)
            case .failed(let time): await pause(time)
            }
        }
    }

    /// Does the next thing: starts, gathers batches, or tries to load a block.
    package func step() async -> Step {
        do {
            if !isStarted { try await start() }
            if let opening { return try await begin(opening.pieces, opening.block) }
            guard pieces.isEmpty else { return try await loadFirst() }
            return try await gather()
        } catch {
            if (error as? EventLogError)?.code == .overtaken { startOver() }
            return failed(error)
        }
    }

    // MARK: Start

    private func start() async throws {
        try await warehouse.prepare()
        let node = options.node
        // First: what was planned after it is replaced by nobody who has not read that.
        let planned = try await plan.read()
        let entries = try await warehouse.ledger(since: 0, node: options.hasManyNodes ? nil : node).filter {
            LoadPiece.end(of: $0.block, node: node) != nil
        }
        let watermark = entries.compactMap { LoadPiece.end(of: $0.block, node: node) }.max() ?? .start
        var left = planned.filter { $0.end > watermark }
        if let first = left.first, first.start > watermark {
            // Others go on with a shared plan, and the replica that was asked may not have heard of their last block yet.
            if options.hasManyNodes, isToWait() { throw Self.ahead }
            // Else it is of another warehouse: what lies in between would be left out.
            left = []
        }
        aheadSince = nil
        pieces = left
        current.watermark = watermark
        current.advance(to: watermark, entries)
        await log.committed(
            through: watermark.position - 1,
            storedAt: LoadPiece.loaded(entries.lazy.map(\.block), node: node)?.storedAt
        )
        if let logEnd, let last = pieces.last, last.end > LogCursor(behind: logEnd) { pieces = [] }
        if draft == nil {
            draft = try BlockDraft(node: node, form: warehouse.form)
            try draft?.rename(names)
        }
        isStarted = true
    }

    /// Whether the warehouse still has time to say that it has what is before the plan.
    private func isToWait() -> Bool {
        let since = aheadSince ?? now()
        aheadSince = since
        return .milliseconds(now().subtractingReportingOverflow(since).partialValue) < options.planPatience
    }

    private static let ahead = EventLogError(
        .storage,
        "The plan begins behind what the warehouse says it has; it is asked again before the plan is dropped"
    )

    /// Forgets what it was about: another loader may have gone on with it.
    private func startOver() {
        isStarted = false
        current.watermark = .start
        current.current = LedgerSums()
        draft?.clear()
        forming = nil
        opening = nil
        unread = []
        pieces = []
        block = nil
        triesOfPiece = 0
    }

    // MARK: Gathering

    /// Adds batches to the draft until it is large or old enough to be a piece.
    private func gather() async throws -> Step {
        guard let draft else { return .waiting }
        if unread.isEmpty {
            let place = forming?.end ?? current.watermark
            let limit = max(16, min(4_096, options.readBytes / max(1, averageBytes)))
            unread = try await log.read(after: place.position - 1, limit: limit)[...]
            if !unread.isEmpty { averageBytes = unread.reduce(0) { $0 + $1.payload.count } / unread.count }
            current.waitingSince = forming?.since ?? unread.first?.receivedAt
            guard !unread.isEmpty else {
                let age = forming.map { now().subtractingReportingOverflow($0.since).partialValue } ?? 0
                guard forming != nil, .milliseconds(age) >= options.age else { return .waiting }
                return try await close()
            }
        }
        while let batch = unread.first {
            let day = ArrivalDay(of: batch.receivedAt)
            if let forming, forming.day != day { return try await close() }
            let start = forming?.start ?? current.watermark
            let first = batch.id == start.position ? start.number : 0
            do {
                try draft.add(batch, first == 0 ? nil : first..<Int.max)
            } catch let error as EventLogError where error.code == .corrupt {
                guard forming == nil else { return try await close() }
                logger.error("A batch of the log cannot be read", metadata: ["error": "\(error)"])
                let end = LogCursor(behind: batch.id)
                let piece = LoadPiece(
                    from: start,
                    to: end,
                    day: day,
                    deadReason: error.code.rawValue,
                    storedAt: batch.origin?.storedAt
                )
                unread.removeFirst()
                return try await begin([piece], nil)
            }
            unread.removeFirst()
            let storedAt = [forming?.storedAt, batch.origin?.storedAt].compactMap(\.self).max()
            forming = (start, LogCursor(behind: batch.id), day, forming?.since ?? now(), storedAt)
            if draft.rowCount >= options.rows || draft.sizeBytes >= options.sizeBytes { return try await close() }
        }
        return .moved
    }

    /// Makes what was gathered the piece that is loaded next.
    private func close() async throws -> Step {
        guard let forming, let draft else { return .waiting }
        let piece = LoadPiece(
            from: forming.start,
            to: forming.end,
            day: forming.day,
            storedAt: forming.storedAt
        )
        return try await begin([piece], draft.finish(id: piece.block(of: options.node), day: piece.day))
    }

    /// Has the plan say `next`, and goes on with that.
    func begin(_ next: [LoadPiece], _ made: EventBlock?) async throws -> Step {
        opening = (next, made)
        try await plan.write(next)
        opening = nil
        pieces = next
        block = made
        triesOfPiece = 0
        forming = nil
        draft?.clear()
        return .moved
    }

    // MARK: After a try

    func committed(_ piece: LoadPiece, _ loaded: EventBlock, isNew: Bool) {
        current.advance(to: piece.end, loaded.ledger)
        if isNew {
            current.blocks += 1
            for entry in loaded.ledger { current.sums.add(entry.sums) }
        }
        current.failuresInARow = 0
        current.lastError = nil
        current.isStuck = false
        current.waitingSince = nil
        pieces.removeFirst()
        block = nil
        triesOfPiece = 0
    }

    func failed(_ error: any Error) -> Step {
        let code = (error as? WarehouseError)?.code.rawValue ?? "log"
        current.failures[code, default: 0] += 1
        current.failuresInARow += 1
        current.lastError = "\(error)"
        logger.warning("Loading failed, and is tried again", metadata: ["error": "\(error)", "code": "\(code)"])
        let doublings = min(current.failuresInARow - 1, 20)
        let most = min(Duration.milliseconds(100) * (1 << doublings), options.longestPause)
        return .failed(most * jitter())
    }

    func stuck() { current.isStuck = true }
}
