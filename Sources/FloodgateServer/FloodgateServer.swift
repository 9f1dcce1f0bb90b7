// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
package import FloodgateDelivery
package import FloodgateHTTP
package import FloodgateIngest
import FloodgateSQLite
package import Logging
package import ServiceLifecycle

/// One server with all its parts: authoring, delivery and intake over one data folder.
package struct FloodgateServer: Sendable {
    /// Delivery and intake.
    package let plane: DataPlane
    /// The use cases of authoring.
    package let control: ControlPlane
    /// Carries changes to where requests see them.
    package let publisher: Publisher
    /// What hands events on to others; nil if nobody wants them.
    private var exports: EventExports?
    /// What brings events into the warehouse; nil if there is none.
    package private(set) var pipeline: EventPipeline?
    /// What removes events from the log that has no warehouse; nil if nothing does.
    private var trimmer: LogTrimmer?
    private let eventLogService: any Service

    /// What the server was told.
    package var settings: ServerSettings { plane.settings }
    /// Where events come in.
    package var intake: Intake { plane.intake }
    /// What the server measures.
    package var metrics: ServerMetrics { plane.metrics }
    /// What keeps the server on its feet.
    package var guards: Guards { plane.guards }
    /// The newest snapshots.
    package var board: SnapshotBoard { plane.boards.snapshots }
    /// Wakes those who wait for changes.
    package var bell: ChangeBell { plane.bell }

    /// Makes a server of its parts, for tests and for `open`.
    package init(
        settings: ServerSettings,
        store: any ControlStore,
        signer: SnapshotSigner,
        eventLog: any EventLog,
        eventLogService: any Service,
        registry: MetricsRegistry,
        now: @escaping @Sendable () -> Int64,
        logger: Logger
    ) {
        plane = DataPlane(
            settings: settings,
            eventLog: eventLog,
            registry: registry,
            table: .floodgate,
            now: now,
            logger: logger
        )
        self.eventLogService = eventLogService
        control = ControlPlane(store: store, now: now)
        publisher = Publisher(control: control, signer: signer, plane: plane)
    }

    /// Opens the data folder, which is made if it is not there.
    /// - Throws: `StartFailure`; damaged data is left as it is.
    package static func open(
        _ settings: ServerSettings,
        registry: MetricsRegistry,
        now: @escaping @Sendable () -> Int64,
        logger: Logger
    ) throws(StartFailure) -> FloodgateServer {
        let folder = DataFolder(path: settings.dataFolder)
        try folder.prepare()
        folder.releaseReserve()
        let store: SQLiteControlStore
        do { store = try SQLiteControlStore(path: folder.controlFile) } catch { throw StartFailure(error) }
        let eventLog: SQLiteEventLog
        var options = SQLiteEventLogOptions()
        options.quotaBytes = settings.logQuotaBytes
        do {
            eventLog = try SQLiteEventLog(folder: folder.eventFolder, options: options, logger: logger, now: now)
        } catch {
            // It is the reserve of the server that runs.
            if error.code == .locked { folder.holdReserve() }
            throw StartFailure(error)
        }
        let cluster = try settings.cluster.map { setting throws(StartFailure) in
            try EventCluster(setting, log: eventLog, folder: folder, logger: logger)
        }
        var server = FloodgateServer(
            settings: settings,
            store: store,
            signer: try SnapshotSigner(folder: folder, now: now),
            eventLog: cluster?.log(over: eventLog) ?? eventLog,
            eventLogService: EventLogService(log: eventLog),
            registry: registry,
            now: now,
            logger: logger
        )
        server.exports = try EventExports(
            settings,
            log: eventLog,
            folder: folder,
            registry: registry,
            now: now,
            logger: logger
        )
        if settings.warehouse == .none(trims: true) {
            server.trimmer = LogTrimmer(
                eventLog,
                keepingDays: settings.pipeline.retentionDays,
                exported: { [exports = server.exports] in exports?.position ?? .max },
                registry: registry,
                now: now,
                logger: logger
            )
        }
        if let warehouse = settings.warehouse.warehouse(
            in: folder,
            program: settings.duckDBProgram,
            logger: logger
        ) {
            server.pipeline = EventPipeline(
                warehouse,
                log: eventLog,
                cluster: cluster,
                exports: server.exports,
                folder: folder,
                settings: settings.pipeline,
                plane: server.plane,
                control: server.control
            )
        }
        return server
    }

    /// Makes what every project has, loads the demo into an empty one if asked to, and publishes what there is.
    /// - Returns: the keys of a project that was not there before.
    @discardableResult
    package func prepare() async throws(StartFailure) -> [IssuedKey] {
        let keys: [IssuedKey]
        do throws(ControlError) {
            let change = Change(actor: "server")
            keys = try await control.prepare(by: change)
            if settings.loadsDemo, try await control.isEmpty { try await control.loadDemo(by: change) }
            try await publisher.refresh()
        } catch { throw StartFailure(error) }
        plane.health.didStart()
        return keys
    }

    /// What stands behind the front door, for `run` and for tests.
    package func front() -> ServerFront { plane.front(router()) }

    /// What stands behind the listener for scrapers and probes.
    package func operationsFront() -> any FrontService { plane.operationsFront() }

    /// Serves until SIGTERM or SIGINT, then ends what is running and returns.
    /// - Throws: `StartFailure` if the server cannot listen.
    package func run(onRunning: @escaping @Sendable (ListenAddress) async -> Void) async throws {
        let access = LocalAccess.make(now: plane.now())
        plane.boards.ring.adopt(access.key, at: plane.now())
        let folder = DataFolder(path: settings.dataFolder)
        defer { LocalAccess.remove(from: folder) }
        // From here on only events take much room, and they are refused when there is none.
        folder.holdReserve()
        let (late, keepLater) = AsyncStream.makeStream(of: LocalAccess.self)
        let keeper = LocalAccessKeeper(accesses: late, folder: folder)
        let services: [any Service] =
            [eventLogService] + (exports.map { [$0] } ?? []) + (pipeline.map { [$0] } ?? [])
            + (trimmer.map { [$0] } ?? []) + [publisher, keeper, ReserveKeeper(folder: folder)]
        try await plane.run(front(), beside: services) { [settings, plane] address in
            let url = settings.localURL(of: address) + settings.pathPrefix
            let local = LocalAccess(url: url, key: access.text)
            do {
                try local.keep(in: folder)
            } catch {
                plane.logger.warning("Commands cannot ask this server yet", metadata: ["error": "\(error)"])
                keepLater.yield(local)
            }
            await onRunning(address)
        }
    }
}

/// Keeps the event log open until nobody needs it any more.
struct EventLogService: Service {
    let log: SQLiteEventLog

    func run() async {
        try? await gracefulShutdown()
        await log.shutdown()
    }
}
