// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateIngest
import Hummingbird

extension FloodgateServer {
    /// All routes: the data plane's, and those of authoring.
    func router() -> Router<ServerContext> {
        let (router, access) = plane.router { [publisher] environment in publisher.confirm(environment) }
        FleetAPIRoutes(
            fleet: plane.boards.fleet,
            environments: { [snapshots = plane.boards.snapshots] in snapshots.times.keys.sorted() },
            now: plane.now
        ).add(to: router)
        EventAPIRoutes(control: control, feed: intake.feed, pipeline: pipeline, ring: plane.boards.ring, now: plane.now)
            .add(to: router)
        ConsoleAPIRoutes(control: control) { [publisher] in publisher.hint() }
            .add(to: router)
        IDListAPIRoutes(control: control) { [publisher] in publisher.hint() }
            .add(to: router)
        ConsoleRoutes(
            control: control,
            eventLog: intake.log,
            feed: intake.feed,
            pipeline: pipeline,
            fleet: plane.boards.fleet,
            settings: settings,
            now: plane.now,
            didChange: { [publisher] in publisher.hint() }
        ).add(to: router, access: access)
        return router
    }
}
