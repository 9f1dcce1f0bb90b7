// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization

/// Tells upstream of what an edge sees of its clients, and of the edge itself: one request at a time, of bounded length.
///
/// Nothing is lost that matters when one does not get through, since every instance is told of again before long.
final class FleetForwarder: Service {
    /// The pause between two requests.
    private static let interval: Duration = .seconds(2)
    /// The same while there is more to tell than fits into one.
    private static let shortInterval: Duration = .milliseconds(50)

    private let upstream: Upstream
    private let plane: DataPlane
    private let name: String
    /// Names this run of the edge.
    private let id = "edge-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)

    init(upstream: Upstream, name: String, plane: DataPlane) {
        self.upstream = upstream
        self.name = name
        self.plane = plane
    }

    func run() async {
        await cancelWhenGracefulShutdown { [self] in
            var told: [String: Int] = [:]
            var levels: [String: Int] = [:]
            var hasMore = false
            while (try? await Task.sleep(for: hasMore ? Self.shortInterval : Self.interval * .random(in: 0.9...1.1)))
                != nil
            {
                hasMore = false
                guard let environment = plane.boards.snapshots.times.first else { continue }
                see(environment.key, environment.value)
                let tidings = plane.boards.fleet.changes(
                    of: environment.key,
                    after: told[environment.key] ?? 0,
                    at: plane.now(),
                    limit: FleetRoutes.mostSightings / 2
                )
                guard !tidings.sightings.isEmpty else { continue }
                do {
                    let isThinner = tidings.level > levels[environment.key] ?? 0
                    let questions = try await send(tidings, isThinner: isThinner)
                    told[environment.key] = tidings.number
                    levels[environment.key] = tidings.level
                    hasMore = tidings.hasMore
                    plane.boards.fleet.answer(questions, about: environment.key, at: plane.now())
                } catch {
                    plane.logger.debug("What is known of the fleet was not sent on", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    /// The edge is an instance like its clients.
    private func see(_ environment: String, _ time: UInt64) {
        var sighting = FleetSighting(
            id: id,
            name: name,
            sdk: "floodgate-edge",
            sdkVersion: FloodgateVersion.current,
            time: time,
            usedAgo: plane.boards.fleet.publishedAt(environment).map { plane.now() - $0 }
        )
        sighting.isEdge = true
        sighting.confirmedAgo = plane.freshness.ages(at: plane.now())[environment].flatMap {
            Int64(exactly: ($0 * 1_000).rounded())
        }
        plane.boards.fleet.see(sighting, of: environment, at: plane.now())
    }

    /// Tells of `tidings`.
    ///
    /// - Returns: Whom those upstream take to be behind; nobody if they are too old to say.
    private func send(_ tidings: Fleet.Tidings, isThinner: Bool) async throws -> [String] {
        let values = tidings.sightings.map { sighting in
            var sighting = sighting
            // The edge does not stand between itself and upstream.
            if sighting.id != id { sighting.via.append(name) }
            return JSONValue.object(sighting.json)
        }
        var body: JSONObject = ["from": .string(id), "instances": .array(values)]
        if isThinner { body["level"] = .integer(tidings.level) }
        let (answer, _) = try await upstream.ask(
            "/edge/v1/fleet",
            method: .POST,
            headers: [("content-type", "application/json")],
            body: JSONValue.object(body).bytes,
            limit: 64 << 10,
            within: .seconds(10),
            statuses: [202]
        )
        let object = (try? JSONValue(parsing: answer.body))?.objectValue
        return object?["behind"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }
}
