// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateEvents
import FloodgateHTTP
import FloodgateIngest
import Hummingbird
import Metrics

extension DataPlane {
    /// The routes of delivery, intake and operations, behind what the table lets in.
    /// - Parameter confirm: Says anew that the state of an environment is the newest, where that is known.
    /// - Returns: The routes, and who may enter where people are.
    func router(confirm: (@Sendable (String) -> Void)?) -> (Router<ServerContext>, AuthenticateConsole) {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: AnswerErrors())
        ConfigSpecsRoutes(board: boards.snapshots, fleet: boards.fleet, freshness: freshness, now: now)
            .add(to: router)
        StreamRoutes(boards: boards, settings: settings, now: now).add(to: router)
        FleetRoutes(fleet: boards.fleet, now: now).add(to: router)
        DeliveryRoutes(boards: boards, purger: purger, settings: settings).add(to: router)
        EdgeRoutes(
            cells: boards.cells,
            intake: intake,
            batches: edgeBatches,
            unpacked: guards.unpacked,
            freshness: freshness,
            now: now,
            confirm: confirm
        ).add(to: router)
        IDListRoutes(board: boards.idLists, settings: settings).add(to: router)
        EventRoutes(board: boards.snapshots, intake: intake, unpacked: guards.unpacked, now: now).add(to: router)
        clientRoutes.add(to: router)
        FlagRoutes(
            board: boards.snapshots,
            idLists: boards.idLists,
            bell: bell,
            ring: boards.ring,
            places: boards.places,
            intake: intake,
            settings: settings,
            now: now,
            metrics: metrics
        ).add(to: router)
        let access = AuthenticateConsole(
            ring: boards.ring,
            isLoopback: settings.listen.isLoopback,
            metrics: metrics,
            guards: guards
        )
        OperationsRoutes(probes: probes, metrics: metrics, refreshMetrics: refreshMetrics).add(
            to: router,
            access: access
        )
        return (router, access)
    }

    /// Evaluation for clients.
    var clientRoutes: ClientRoutes {
        ClientRoutes(
            board: boards.snapshots,
            idLists: boards.idLists,
            intake: intake,
            unpacked: guards.unpacked,
            now: now,
            metrics: metrics
        )
    }

    /// Brings the numbers up to date that are kept elsewhere.
    @Sendable func refreshMetrics() async {
        let registry = metrics.registry
        metrics.show(await doors.state(), of: table)
        metrics.show(guards.state)
        let counts = intake.counts
        registry.raise("events_accepted", to: counts.acceptedEvents)
        registry.raise("events_accepted_exposures", to: counts.acceptedExposures)
        registry.raise("events_requests_accepted", to: counts.acceptedRequests)
        for (code, count) in counts.rejectedEvents {
            registry.raise("events_rejected", [("reason", code.rawValue)], to: count)
        }
        for (refusal, count) in counts.refusedRequests {
            registry.raise("events_requests_refused", [("reason", refusal.rawValue)], to: count)
        }
        registry.raise("live_feed_dropped", to: intake.feed.counts.dropped)
        for (environment, age) in freshness.ages(at: now()) {
            Meter(label: "config_age_seconds", dimensions: [("env", environment)], factory: registry).set(age)
        }
        for environment in boards.fleet.environments {
            metrics.show(boards.fleet.status(of: environment, at: now(), limit: 0))
        }
        Meter(label: "stream_connections", dimensions: [("kind", "specs")], factory: registry)
            .set(boards.places.count - metrics.flagStreams)
        if let bytes = ProcessMemory.residentBytes {
            Meter(label: "process_resident_bytes", dimensions: [], factory: registry).set(bytes)
        }
    }
}
