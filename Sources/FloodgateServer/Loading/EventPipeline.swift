// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvaluation
package import FloodgateIngest
import FloodgateNATS
import FloodgateSQLite
package import FloodgateWarehouse
import Logging
import Metrics
import ServiceLifecycle
import Synchronization

/// Brings events from the log into the warehouse, proves that all of them arrive, and removes from the log what did.
///
/// None of it is needed to take events in: while the warehouse is gone the log keeps them.
package final class EventPipeline: Service {
    /// How long things are kept, and how often they are looked after.
    package struct Settings: Sendable, Hashable {
        /// How long what is loaded stays in the log: an hour.
        package var keepsLoaded: Duration = .seconds(3_600)
        /// Days that exposures and events stay in the warehouse; nil for good.
        package var retentionDays: Int32?
        /// How often the ledger is compared.
        package var reconciles: Duration = .seconds(30)

        package init() {}
    }

    /// Where events end up.
    package let warehouse: any Warehouse
    /// From which share of the log's quota on it does not wait for exports.
    private static let impatience = 0.75

    private let log: SQLiteEventLog
    let folder: DataFolder
    private let settings: Settings
    let plane: DataPlane
    let control: ControlPlane
    /// Where the log ended before this process added anything.
    private let lastBefore: Int64
    private let cluster: EventCluster?
    private let exports: EventExports?
    private let node = Mutex<String?>(nil)
    private let published = Atomic<Int64>(0)
    /// The first minute that the log had something of when it was looked at last, in Unix milliseconds.
    private let oldest = Atomic<Int64>(0)
    private let loaders = Mutex<[EventLoader]>([])
    /// What loaders did that are not there any more.
    private let ended = Mutex(LoaderReport())
    private let missed = Mutex(MissedSegments())
    private let state = Mutex<(report: LoaderReport?, ledger: LedgerReport?)>((nil, nil))

    init(
        _ warehouse: any Warehouse,
        log: SQLiteEventLog,
        cluster: EventCluster? = nil,
        exports: EventExports? = nil,
        folder: DataFolder,
        settings: Settings,
        plane: DataPlane,
        control: ControlPlane
    ) {
        self.warehouse = warehouse
        self.log = log
        self.cluster = cluster
        self.exports = exports
        self.folder = folder
        self.settings = settings
        self.plane = plane
        self.control = control
        lastBefore = log.lastPosition
    }

    /// How far loading is; nil until it has begun.
    package var report: LoaderReport? { state.withLock { $0.report } }
    /// What the last comparison found; nil until there was one.
    package var ledger: LedgerReport? { state.withLock { $0.ledger } }

    package func run() async {
        await cancelWhenGracefulShutdown { [self] in await work() }
        await cluster?.transport.shutdown()
        await warehouse.shutdown()
    }

    private func work() async {
        await withTaskGroup(of: Void.self) { group in
            // What is accepted gets its copies whether or not the warehouse is there.
            if let cluster { group.addTask { await cluster.publisher.run() } }
            group.addTask { [self] in await load() }
        }
    }

    private func load() async {
        guard let node = await node() else { return }
        self.node.withLock { $0 = node }
        await withTaskGroup(of: Void.self) { group in
            if let cluster {
                for partition in cluster.partitions {
                    group.addTask { [self] in await load(partition, of: cluster.transport) }
                }
            } else {
                let loader = EventLoader(
                    log: log,
                    warehouse: warehouse,
                    options: LoaderOptions(node: node),
                    plan: LoadPlanFile(path: folder.path + "/loading.json"),
                    logEnd: lastBefore,
                    logger: plane.logger,
                    now: plane.now
                )
                add(loader)
                group.addTask { await loader.run() }
            }
            group.addTask { [self] in
                while (try? await Task.sleep(for: .seconds(5))) != nil { await show() }
            }
            group.addTask { [self] in
                while (try? await Task.sleep(for: settings.reconciles)) != nil { await checkLedger() }
            }
            group.addTask { [self] in
                repeat {
                    guard let names = try? await control.hashedNames() else { continue }
                    for loader in loaders.withLock({ $0 }) { try? await loader.rename(names) }
                    await exports?.rename(names)
                } while (try? await Task.sleep(for: .seconds(10))) != nil
            }
            group.addTask { [self] in
                repeat { await expire() } while (try? await Task.sleep(for: .seconds(3_600))) != nil
            }
        }
    }

    func add(_ loader: EventLoader) { loaders.withLock { $0.append(loader) } }

    /// Lets go of a loader that has nothing to load any more; what it did stays counted.
    func remove(_ loader: EventLoader) async {
        let report = await loader.report
        loaders.withLock { $0.removeAll { $0 === loader } }
        ended.withLock { $0.add(report) }
    }

    /// The log's name in the ledger, once the warehouse has said whether it can be the one that it knows.
    private func node() async -> String? {
        var failures = 0
        while !Task.isCancelled {
            do {
                try await warehouse.prepare()
                let node = try NodeName.name(in: folder)
                let ends = try await warehouse.ledger(since: 0, node: node).compactMap {
                    LoadPiece.end(of: $0.block, node: node)
                }
                guard let end = ends.max(), end.position > lastBefore + 1 else { return node }
                plane.logger.warning(
                    "The log is older than what the warehouse has of it, as one from a backup: it goes on under a new name",
                    metadata: ["loaded": .stringConvertible(end.position), "last": .stringConvertible(lastBefore)]
                )
                return try NodeName.renew(in: folder)
            } catch {
                plane.logger.log(
                    level: failures == 0 ? .warning : .debug,
                    "The warehouse cannot be used; events stay in the log",
                    metadata: ["error": .string("\(error)"), "engine": .string(warehouse.engine)]
                )
                failures += 1
                count("warehouse_failures", 1)
                try? await Task.sleep(for: .seconds(min(30, 1 << min(failures, 5))))
            }
        }
        return nil
    }

    // MARK: The ledger

    /// Compares the ledger of the log with the warehouse's now.
    /// - Throws: What the log and the warehouse throw; `.unavailable` before loading has begun.
    package func reconcile() async throws -> LedgerReport {
        try await compare().report
    }

    private func compare() async throws -> (report: LedgerReport, segments: [LoggedSegment]) {
        guard let node = node.withLock({ $0 }) else {
            throw WarehouseError(.unavailable, "The warehouse has not answered yet; events are kept in the log")
        }
        // Through a broker events arrive in any order: what should be there can be told where the broker holds nothing more.
        let status = cluster?.publisher.status
        let watermark: LogCursor =
            if let status { LogCursor(position: status.settled) } else { await combinedReport().watermark }
        // In this order: what is accepted in between is in flight, and what is loaded in between is no surplus.
        let since = oldest.load(ordering: .relaxed)
        let entries = try await warehouse.ledger(since: since, node: node)
        let segments = try await log.segments()
        // Minutes of segments that are gone are not asked for again.
        let first = segments.flatMap(\.entries.keys).map(\.minute).min() ?? 0
        oldest.store(first, ordering: .relaxed)
        // Events of long ago that were put in again since the last look.
        if first < since { return try await compare() }
        let reconciler = LedgerReconciler(
            node: node,
            watermark: watermark,
            resentThrough: status?.resentThrough ?? 0
        )
        return (reconciler.compare(segments, with: entries), segments)
    }

    /// What all loaders of this node did.
    private func combinedReport() async -> LoaderReport {
        var all = ended.withLock { $0 }
        let loaders = loaders.withLock { $0 }
        for loader in loaders {
            let report = await loader.report
            if loaders.count == 1 { all.watermark = report.watermark }
            all.add(report)
            all.isStuck = all.isStuck || report.isStuck
            all.lastError = all.lastError ?? report.lastError
            if let since = report.waitingSince { all.waitingSince = min(all.waitingSince ?? since, since) }
        }
        return all
    }

    /// Puts dead letters into the log again.
    /// - Throws: What the log and the warehouse throw.
    package func replay(_ filter: DeadLetters.Filter) async throws -> DeadLetters.Replay {
        try await DeadLetters(in: warehouse).replay(filter, into: log)
    }

    private func checkLedger() async {
        do {
            let (report, segments) = try await compare()
            state.withLock { $0.ledger = report }
            meter("ledger_gaps").set(report.gaps.count)
            if !report.isBalanced {
                plane.logger.critical(
                    "The ledger does not balance; see `floodgate events reconcile`",
                    metadata: ["gaps": .stringConvertible(report.gaps.count)]
                )
            }
            if let cluster {
                let segments = missed.withLock { $0.saw(report) }
                if !segments.isEmpty { cluster.publisher.sendAgain() }
            }
            try await trim(report, segments)
        } catch {
            plane.logger.warning("The ledger was not compared", metadata: ["error": .string("\(error)")])
            count("ledger_failures", 1)
        }
    }

    /// Removes the segments that the warehouse has, all of each, for long enough; one that does not balance keeps itself alone.
    private func trim(_ report: LedgerReport, _ segments: [LoggedSegment]) async throws {
        var removable = Set(report.removableSegments)
        // What has not arrived at the broker, or after a loss there not again, may be nowhere else.
        if let mark = cluster?.publisher.status.mark { removable = removable.filter { $0 < mark >> 32 } }
        guard let last = segments.last else { return }
        let time = plane.now() - settings.keepsLoaded.components.seconds * 1_000
        let end = last.number << 32 | 0xFFFF_FFFF
        var position = min(end, exports?.position ?? .max)
        if position < end, log.fill >= Self.impatience {
            // What is handed on can be had from the warehouse; what is refused cannot be had at all.
            plane.logger.error("The log is nearly full: it does not wait for exports that are behind")
            count("exports_passed_over", 1)
            position = end
        }
        let removed = try await log.trim(through: position, sealedBefore: time, only: removable)
        guard removed > 0 else { return }
        plane.logger.info(
            "Events that are in the warehouse were removed from the log",
            metadata: ["segments": .stringConvertible(removed)]
        )
    }

    private func expire() async {
        do throws(WarehouseError) {
            let today = ArrivalDay(of: plane.now())
            _ = try await DeadLetters(in: warehouse).expire(on: today)
            guard let days = settings.retentionDays else { return }
            let first = ArrivalDay(number: today.number - days)
            for table in [WarehouseTable.exposures, .events] {
                _ = try await warehouse.removeDays(before: first, of: table)
            }
        } catch {
            plane.logger.debug("Old days were not removed", metadata: ["error": .string("\(error)")])
        }
    }

    // MARK: Metrics

    private func show() async {
        let report = await combinedReport()
        let before = state.withLock { state in
            defer { state.report = report }
            return state.report ?? LoaderReport()
        }
        count("events_loaded", report.sums.loaded - before.sums.loaded)
        count("events_duplicate", report.sums.duplicate - before.sums.duplicate)
        count("events_dead", report.sums.dead - before.sums.dead)
        count("warehouse_blocks", report.blocks - before.blocks)
        let failures = report.failures.values.reduce(0, +) - before.failures.values.reduce(0, +)
        count("warehouse_failures", failures)
        meter("loader_lag_seconds").set(report.lag(at: plane.now()).components.seconds)
        meter("loader_stuck").set(report.isStuck ? 1 : 0)
        meter("event_log_fill").set(log.fill)
        meter("event_log_healthy").set(log.status.isHealthy ? 1 : 0)
        if let publisher = cluster?.publisher.status {
            meter("transport_inflight").set(publisher.inFlight)
            let before = published.exchange(publisher.published, ordering: .relaxed)
            count("transport_published", publisher.published - before)
            plane.metrics.registry.raise("transport_losses", to: publisher.losses)
        }
        guard let status = try? await warehouse.status() else { return }
        meter("warehouse_bytes").set(status.storedBytes)
        meter("warehouse_parts").set(status.parts)
        meter("warehouse_damaged").set(status.damaged)
    }

    private func count(_ label: String, _ amount: Int64) {
        guard amount > 0 else { return }
        Counter(label: label, factory: plane.metrics.registry).increment(by: amount)
    }

    private func meter(_ label: String) -> Meter { Meter(label: label, factory: plane.metrics.registry) }
}

extension LoaderReport {
    /// Adds what another loader did.
    fileprivate mutating func add(_ other: LoaderReport) {
        blocks += other.blocks
        sums.add(other.sums)
        failures.merge(other.failures, uniquingKeysWith: +)
    }
}
