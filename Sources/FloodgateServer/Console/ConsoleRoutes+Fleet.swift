// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateConsole
import FloodgateDelivery
import Hummingbird

extension ConsoleRoutes {
    /// How many instances the page names.
    private static let mostNamed = 100

    /// 200: what `GET /console/v1/fleet` says of the environment that the pages show.
    @Sendable func fleetPage(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        let status = fleet.status(of: environment, at: now(), limit: Self.mostNamed)
        return .page(pages.fleet(FleetContent(status, at: now()), frame: frame(.fleet)))
    }
}

extension FleetContent {
    init(_ status: FleetStatus, at now: Int64) {
        self.init()
        newest = Int64(clamping: status.newest)
        (live, holding, isEstimate) = (status.live, status.holding, status.isEstimate)
        versions = status.versions.map { version in
            let delay = version.delay.map { Delay(p50: $0.p50, p99: $0.p99, p999: $0.p999, max: $0.max) }
            return Version(time: Int64(clamping: version.time), instances: version.instances, delay: delay)
        }
        stragglers = status.stragglers.map { Instance($0, at: now) }
        edges = status.edges.map { Instance($0, at: now) }
    }
}

extension FleetContent.Instance {
    fileprivate init(_ instance: FleetStatus.Instance, at now: Int64) {
        let sighting = instance.sighting
        self.init(
            id: sighting.id,
            name: sighting.name,
            sdk: [sighting.sdk, sighting.sdkVersion].filter { !$0.isEmpty }.joined(separator: " "),
            time: Int64(clamping: sighting.time),
            lastSeen: instance.lastSeen,
            confirmedAt: instance.confirmedAt,
            via: sighting.via,
            isLive: now - instance.lastSeen <= Fleet.patience
        )
    }
}
