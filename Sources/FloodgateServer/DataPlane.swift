// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
package import FloodgateHTTP
package import FloodgateIngest
import Hummingbird
import Logging
import Metrics
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// Delivery and intake of one process: everything that serves SDKs, and goes on when nothing else is there.
///
/// A server puts authoring beside it, an edge a server that it follows.
package struct DataPlane: Sendable {
    /// What the process was told.
    package let settings: ServerSettings
    /// What requests read.
    let boards: Boards
    /// Where events come in.
    package let intake: Intake
    /// What is measured.
    package let metrics: ServerMetrics
    /// What keeps the process on its feet.
    package let guards: Guards
    let doors = Doors()
    /// Wakes those who wait for changes.
    package let bell: ChangeBell
    /// Has caches fetch anew what must not be old.
    package let purger: Purger
    let health = Health()
    let freshness = Freshness()
    /// What edges have sent.
    let edgeBatches: EdgeBatches
    /// What of the table of routes is served.
    let table: RouteTable
    let now: @Sendable () -> Int64
    let logger: Logger

    init(
        settings: ServerSettings,
        eventLog: any EventLog,
        registry: MetricsRegistry,
        table: RouteTable,
        now: @escaping @Sendable () -> Int64,
        logger: Logger
    ) {
        self.settings = settings
        self.table = table
        self.now = now
        self.logger = logger
        boards = Boards(streams: settings.streams, now: now)
        bell = ChangeBell(snapshots: boards.snapshots, idLists: boards.idLists)
        metrics = ServerMetrics(registry: registry)
        purger = Purger(
            settings.purges,
            folder: settings.dataFolder.isEmpty ? nil : DataFolder(path: settings.dataFolder),
            isActive: boards.ring.isActive,
            metrics: metrics,
            logger: logger
        )
        guards = Guards(settings.guards)
        edgeBatches = EdgeBatches(folder: settings.dataFolder.isEmpty ? nil : settings.dataFolder + "/edge-batches")
        intake = Intake(log: eventLog, logger: logger)
    }

    /// Makes those forms of documents that nobody had to wait for; a running process does so by itself.
    package func completeAnswers() async { await boards.answers.complete() }

    /// Says in the answers of event loops how old they are; a running process does so by itself.
    package func showAges() { boards.answers.show(freshness.seconds(at: now())) }

    /// What those are told who ask whether traffic should come here.
    var probes: Probes { Probes(health: health, intake: intake) }

    /// What stands behind the front door.
    func front(_ router: Router<ServerContext>) -> ServerFront {
        ServerFront(
            table: table,
            responder: router.buildResponder(),
            settings: settings,
            ring: boards.ring,
            answers: boards.answers,
            idLists: boards.idLists,
            fleet: boards.fleet,
            now: now,
            probes: probes,
            guards: guards,
            metrics: metrics,
            clients: clientRoutes,
            batches: BatchRoutes(intake: intake, unpacked: guards.unpacked, now: now),
            log: AccessLog(settings.accessLog, logger: logger),
            logger: logger
        )
    }

    /// The HTTP side: speaks TLS with an `identity`, and calls `onListening` with the address when it listens.
    private func door(
        _ front: ServerFront,
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
            service: front,
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
    func operationsDoor(on group: MultiThreadedEventLoopGroup) -> OperationsDoor? {
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
        OperationsFront(probes: probes) {
            await refreshMetrics()
            return metrics.registry.text
        }
    }

    /// Serves until SIGTERM or SIGINT, then ends what is running, `first` last of all, and returns.
    /// - Throws: `StartFailure` if the server cannot listen.
    func run(
        _ front: ServerFront,
        beside first: [any Service],
        onRunning: @escaping @Sendable (ListenAddress) async -> Void
    ) async throws {
        let identity: TLSIdentity?
        do { identity = try settings.tls.map { try TLSIdentity($0) } } catch {
            throw StartFailure(.other, "The certificate and key cannot be used: \(error)")
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: Processors.available)
        var services = first + [purger]
        if let door = operationsDoor(on: group) { services.append(door) }
        services += [
            door(front, identity, on: group, onListening: onRunning),
            AnswerMaker(answers: boards.answers, freshness: freshness, now: now),
            CertificateWatch(identity: identity, logger: logger),
            GuardWatch(guards: guards),
            ShutdownNotice(health: health, feed: intake.feed, cells: boards.cells),
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

/// Makes the forms of documents that nobody had to wait for, and keeps ages up to date.
private struct AnswerMaker: Service {
    let answers: ConfigAnswersBoard
    let freshness: Freshness
    let now: @Sendable () -> Int64

    func run() async {
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { [self] in await answers.run() }
                group.addTask { [self] in
                    while (try? await Task.sleep(for: .seconds(2))) != nil {
                        answers.show(freshness.seconds(at: now()))
                    }
                }
            }
        }
    }
}

/// Tells load balancers and watchers that the server goes away.
private struct ShutdownNotice: Service {
    let health: Health
    let feed: LiveFeed
    let cells: CellBoard

    func run() async {
        try? await gracefulShutdown()
        health.willStop()
        feed.finish()
        cells.close()
    }
}
