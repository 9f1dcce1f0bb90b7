// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
package import FloodgateDelivery
package import FloodgateHTTP
package import FloodgateIngest
import FloodgateSQLite
import Hummingbird
package import Logging
import NIOCore
import NIOPosix
package import ServiceLifecycle
import UnixSignals

/// One server with all its parts: authoring, delivery and intake over one data folder.
package struct FloodgateServer: Sendable {
    /// What the server was told.
    package let settings: ServerSettings
    /// The use cases of authoring.
    package let control: ControlPlane
    /// Where events come in.
    package let intake: Intake
    /// Carries changes to where requests see them.
    package let publisher: Publisher
    /// What the server measures.
    package let metrics: ServerMetrics

    /// The newest snapshots.
    package let board = SnapshotBoard()
    let answers = ConfigAnswersBoard()
    /// What keeps the server on its feet.
    package let guards: Guards
    let doors = Doors()
    let places: StreamPlaces
    let feeds: SpecFeeds
    let idLists = IDListBoard()
    let idListFiles = IDListFiles()
    let ring = KeyRing()
    /// Wakes those who wait for changes.
    package let bell = ChangeBell()
    let health = Health()
    let now: @Sendable () -> Int64
    let logger: Logger
    private let eventLogService: any Service

    /// Makes a server of its parts, for tests and for `open`.
    package init(
        settings: ServerSettings,
        store: any ControlStore,
        eventLog: any EventLog,
        eventLogService: any Service,
        registry: MetricsRegistry,
        now: @escaping @Sendable () -> Int64,
        logger: Logger
    ) {
        self.settings = settings
        self.now = now
        self.logger = logger
        self.eventLogService = eventLogService
        metrics = ServerMetrics(registry: registry)
        guards = Guards(settings.guards)
        places = StreamPlaces(limit: settings.streams)
        feeds = SpecFeeds(places: places)
        control = ControlPlane(store: store, now: now)
        intake = Intake(log: eventLog, logger: logger)
        publisher = Publisher(
            control: control,
            board: board,
            answers: answers,
            feeds: feeds,
            idLists: idLists,
            idListFiles: idListFiles,
            ring: ring,
            bell: bell,
            interval: settings.refreshInterval,
            now: now,
            metrics: metrics,
            logger: logger
        )
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
        let store: SQLiteControlStore
        do { store = try SQLiteControlStore(path: folder.controlFile) } catch { throw StartFailure(error) }
        let eventLog: SQLiteEventLog
        do { eventLog = try SQLiteEventLog(folder: folder.eventFolder, logger: logger, now: now) } catch {
            throw StartFailure(error)
        }
        return FloodgateServer(
            settings: settings,
            store: store,
            eventLog: eventLog,
            eventLogService: EventLogService(log: eventLog),
            registry: registry,
            now: now,
            logger: logger
        )
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
        health.didStart()
        return keys
    }

    /// What stands behind the front door, for `run` and for tests.
    package func front() -> ServerFront {
        ServerFront(
            responder: router().buildResponder(),
            settings: settings,
            ring: ring,
            answers: answers,
            idListFiles: idListFiles,
            health: health,
            guards: guards,
            metrics: metrics,
            log: AccessLog(settings.accessLog, logger: logger),
            logger: logger
        )
    }

    /// The HTTP side: speaks TLS with an `identity`, and calls `onListening` with the address when it listens.
    private func door(
        _ identity: TLSIdentity?,
        on group: MultiThreadedEventLoopGroup,
        onListening: @escaping @Sendable (ListenAddress) async -> Void
    ) -> FrontDoor {
        let listen = settings.listen
        var listener = FrontDoor.Listener(host: listen.host, port: listen.port)
        listener.tls = identity
        listener.requiresProxyHeader = settings.requiresProxyHeader
        let proxies = settings.trustedProxies
        listener.isProxy = { address in
            ClientAddress(address).map { address in proxies.contains { $0.contains(address) } } ?? false
        }
        var limits = settings.limits
        limits.connections = min(limits.connections, FileDescriptors.roomForConnections())
        let door = FrontDoor(
            listeners: [listener],
            limits: limits,
            service: front(),
            drainTimeout: settings.drainTimeout,
            group: group,
            logger: logger
        ) { addresses in
            await onListening(ListenAddress(host: listen.host, port: addresses.first??.port ?? listen.port))
        }
        doors.add(door)
        return door
    }

    /// The listener for scrapers and probes, if there is to be one.
    private func operationsDoor(on group: MultiThreadedEventLoopGroup) -> OperationsDoor? {
        guard let listen = settings.metricsListen else { return nil }
        var limits = settings.limits
        limits.connections = 256
        let door = FrontDoor(
            listeners: [FrontDoor.Listener(host: listen.host, port: listen.port)],
            limits: limits,
            service: operationsFront(),
            drainTimeout: .seconds(1),
            group: group,
            logger: logger
        ) { [logger] addresses in
            let address = ListenAddress(host: listen.host, port: addresses.first??.port ?? listen.port)
            logger.notice("Metrics are served", metadata: ["address": .string("\(address)")])
        }
        doors.add(door)
        return OperationsDoor(door: door, address: listen)
    }

    /// What stands behind that listener, for `run` and for tests.
    package func operationsFront() -> any FrontService {
        OperationsFront(health: health) {
            await refreshMetrics()
            return metrics.registry.text
        }
    }

    /// Serves until SIGTERM or SIGINT, then ends what is running and returns.
    /// - Throws: `StartFailure` if the server cannot listen.
    package func run(onRunning: @escaping @Sendable (ListenAddress) async -> Void) async throws {
        let identity: TLSIdentity?
        do { identity = try settings.tls.map { try TLSIdentity($0) } } catch {
            throw StartFailure(.other, "The certificate and key cannot be used: \(error)")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: Processors.available)
        var services: [any Service] = [eventLogService, publisher]
        if let door = operationsDoor(on: group) { services.append(door) }
        services += [
            door(identity, on: group, onListening: onRunning),
            CertificateWatch(identity: identity, logger: logger), GuardWatch(guards: guards),
            ShutdownNotice(health: health, feed: intake.feed, bell: bell),
        ]
        // Stopped from the last to the first: no new work, requests in flight, and only then what they need.
        var configuration = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = settings.drainTimeout + .seconds(5)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError {
            try? await group.shutdownGracefully()
            throw StartFailure(listening: settings.listen, error)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try? await group.shutdownGracefully()
    }
}

/// Keeps the event log open until nobody needs it any more.
private struct EventLogService: Service {
    let log: SQLiteEventLog

    func run() async {
        try? await gracefulShutdown()
        await log.shutdown()
    }
}

/// Tells load balancers and watchers that the server goes away.
private struct ShutdownNotice: Service {
    let health: Health
    let feed: LiveFeed
    let bell: ChangeBell

    func run() async {
        try? await gracefulShutdown()
        health.willStop()
        feed.finish()
        bell.finish()
    }
}
