// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateJSON
import HTTPTypes
import Hummingbird

/// What SDKs and edges report of what they answer from (docs/wire.md).
struct FleetRoutes: Sendable {
    let fleet: Fleet
    let now: @Sendable () -> Int64

    /// How many reports there should be in a second after a publication.
    private static let reportsPerSecond = 2_000
    /// How often instances report when nothing changes, in milliseconds.
    private static let reportInterval = 60_000
    /// How many instances an edge tells of at once.
    static let mostSightings = 2_000

    func add(to router: Router<ServerContext>) {
        router.group("v2/report_config_specs").group(context: SDKContext.self).post(use: report)
        router.group("edge/v1/fleet").group(context: SDKContext.self).post(use: sightings)
    }

    /// 202: noted; the answer says how to spread the next reports.
    @Sendable private func report(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.jsonObject(upTo: 16 << 10)
        let environment = context.caller.environment
        guard var sighting = FleetSighting(of: request, context, body) else {
            throw ServerError(.invalid, "time must be the time of a document, and a session must be named")
        }
        sighting.usedAgo = body["used_ms_ago"]?.integerValue.map { max(0, $0) }
        fleet.see(sighting, of: environment, at: now())
        let count = fleet.count(of: environment)
        return .json(
            [
                "success": true, "spread_ms": .integer(max(1_000, count * 1_000 / Self.reportsPerSecond)),
                "interval_ms": .integer(Self.reportInterval),
            ],
            status: .accepted
        )
    }

    /// 202: what an edge saw is noted; the answer says of whom it should tell if they are not behind.
    @Sendable private func sightings(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.jsonObject(upTo: BodyLimit.events)
        guard let values = body["instances"]?.arrayValue, values.count <= Self.mostSightings else {
            throw ServerError(.invalid, "instances must be an array of \(Self.mostSightings) at most")
        }
        let time = now()
        let environment = context.caller.environment
        let teller = String((body["from"]?.stringValue ?? "").prefix(128))
        if let level = body["level"]?.integerValue, 1...32 ~= level {
            fleet.thin(environment, toldBy: teller, to: Int(level))
        }
        for value in values {
            guard let sighting = value.objectValue.flatMap(FleetSighting.init) else { continue }
            fleet.see(sighting, of: environment, by: teller, at: time)
        }
        var answer: JSONObject = ["success": true]
        let questions = fleet.questions(about: environment, at: time)
        if !questions.isEmpty { answer["behind"] = .array(questions.map(JSONValue.string)) }
        return .json(.object(answer), status: .accepted)
    }
}

extension FleetSighting {
    /// What the request of an SDK says of it, with `body` or the query for the document; nil if it names no session.
    init?(of request: Request, _ context: SDKContext, _ body: JSONObject? = nil) {
        guard let id = request.headers[.sessionID], !id.isEmpty else { return nil }
        let query = request.uri.queryParameters
        let time = body.map { $0["time"]?.integerValue.flatMap { UInt64(exactly: $0) } }
        guard let time = time ?? query.get("sinceTime").flatMap({ UInt64($0) }) ?? (body == nil ? 0 : nil) else {
            return nil
        }
        self.init(
            id: id,
            name: request.headers[.instance] ?? context.remoteAddress ?? "",
            sdk: request.headers[.sdkType] ?? "",
            sdkVersion: request.headers[.sdkVersion] ?? "",
            time: time,
            checksum: body?["checksum"]?.stringValue
        )
    }
}
