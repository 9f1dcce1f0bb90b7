// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateEvents
import FloodgateIngest
import Hummingbird
import Metrics

extension FloodgateServer {
    /// All routes, behind what `RouteTable` lets in.
    func router() -> Router<ServerContext> {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: AnswerErrors())
        ConfigSpecsRoutes(board: board).add(to: router)
        StreamRoutes(feeds: feeds, places: places, ring: ring, settings: settings).add(to: router)
        IDListRoutes(board: idLists, settings: settings).add(to: router)
        EventRoutes(intake: intake, unpacked: guards.unpacked, now: now).add(to: router)
        ClientRoutes(
            board: board,
            idLists: idLists,
            intake: intake,
            unpacked: guards.unpacked,
            now: now,
            metrics: metrics
        ).add(to: router)
        FlagRoutes(
            board: board,
            idLists: idLists,
            bell: bell,
            ring: ring,
            intake: intake,
            settings: settings,
            now: now,
            metrics: metrics
        ).add(to: router)
        ConsoleAPIRoutes(control: control) { [publisher] in publisher.hint() }
            .add(to: router)
        let access = AuthenticateConsole(
            ring: ring,
            isLoopback: settings.listen.isLoopback,
            metrics: metrics,
            guards: guards
        )
        OperationsRoutes(health: health, metrics: metrics, refreshMetrics: refreshMetrics).add(
            to: router,
            access: access
        )
        ConsoleRoutes(
            control: control,
            eventLog: intake.log,
            feed: intake.feed,
            settings: settings,
            now: now,
            didChange: { [publisher] in publisher.hint() }
        ).add(to: router, access: access)
        return router
    }

    /// Brings the numbers up to date that are kept elsewhere.
    @Sendable func refreshMetrics() async {
        let registry = metrics.registry
        metrics.show(await doors.state(), of: .floodgate)
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
        let present = now()
        Meter(label: "stream_connections", dimensions: [], factory: registry).set(places.count)
        for (environment, time) in board.times {
            let age = Double(max(0, present - Int64(clamping: time))) / 1_000
            Meter(label: "config_age_seconds", dimensions: [("env", environment)], factory: registry).set(age)
        }
        if let bytes = ProcessMemory.residentBytes {
            Meter(label: "process_resident_bytes", dimensions: [], factory: registry).set(bytes)
        }
    }
}
