// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateSQLite
import FloodgateHTTP
package import Logging
import Metrics
import NIOCore
import ServiceLifecycle

/// Delivery and intake without a database, for the environment that an edge key opens on another server or edge.
package struct FloodgateEdge: Sendable {
    /// What an edge follows.
    package struct Source: Sendable {
        /// Where to ask, the preferred address first.
        package var addresses: [String]
        /// An edge key.
        package var key: String
        /// Public root keys, of 32 bytes each; what they have not signed is refused.
        package var rootKeys: [[UInt8]]
        /// How many seconds the other side may keep a question that has no news, 1 to 25; all of an answer may take half
        /// as long again.
        package var wait = 20
        /// How long events stay on the edge's disk after upstream has kept them; an hour by default.
        package var keepsSent = Duration.seconds(3_600)

        /// A source with the default above.
        package init(addresses: [String], key: String, rootKeys: [[UInt8]]) {
            self.addresses = addresses
            self.key = key
            self.rootKeys = rootKeys
        }
    }

    private let plane: DataPlane
    private let follower: CellFollower
    private let forwarder: EventForwarder
    private let eventLog: SQLiteEventLog
    private let upstream: Upstream

    /// What the edge was told.
    package var settings: ServerSettings { plane.settings }

    /// Opens the data folder, which is made if it is not there, and serves what it holds.
    /// - Throws: `StartFailure` if the folder cannot be used.
    package static func open(
        _ settings: ServerSettings,
        following source: Source,
        registry: MetricsRegistry,
        now: @escaping @Sendable () -> Int64,
        logger: Logger
    ) throws(StartFailure) -> FloodgateEdge {
        let folder = DataFolder(path: settings.dataFolder)
        try folder.prepare()
        let log: SQLiteEventLog
        do { log = try SQLiteEventLog(folder: folder.eventFolder, logger: logger, now: now) } catch {
            throw StartFailure(error)
        }
        let plane = DataPlane(
            settings: settings,
            eventLog: log,
            registry: registry,
            table: .edge,
            now: now,
            logger: logger
        )
        let upstream = Upstream(addresses: source.addresses, key: source.key, registry: registry)
        let follower = CellFollower(
            upstream: upstream,
            wait: source.wait,
            archive: EdgeArchive(in: folder, key: String(source.key.suffix(8))),
            rootKeys: source.rootKeys,
            plane: plane
        )
        return FloodgateEdge(
            plane: plane,
            follower: follower,
            forwarder: EventForwarder(
                upstream: upstream,
                log: log,
                keepsSent: source.keepsSent,
                folder: folder,
                plane: plane
            ),
            eventLog: log,
            upstream: upstream
        )
    }

    /// Shows what the disk holds.
    /// - Returns: Whether it held something good; else nothing is served until upstream answers.
    package func load() -> Bool { follower.load() }

    /// Serves until SIGTERM or SIGINT, then ends what is running and returns.
    /// - Throws: `StartFailure` if the edge cannot listen.
    package func run(onRunning: @escaping @Sendable (ListenAddress) async -> Void) async throws {
        let (router, _) = plane.router(confirm: nil)
        try await plane.run(
            plane.front(router),
            beside: [
                EventLogService(log: eventLog), follower, forwarder, ExpiryWatch(plane: plane),
                FleetForwarder(upstream: upstream, name: settings.name, plane: plane),
            ],
            onRunning: onRunning
        )
    }
}

/// Drops keys that have expired meanwhile.
private struct ExpiryWatch: Service {
    let plane: DataPlane

    func run() async {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: .seconds(1))) != nil { plane.boards.ring.dropExpired(at: plane.now()) }
        }
    }
}
