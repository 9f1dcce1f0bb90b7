// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import Hummingbird

/// `GET /console/v1/fleet`: which instances answer from which document.
struct FleetAPIRoutes: Sendable {
    let fleet: Fleet
    let environments: @Sendable () -> [String]
    let now: @Sendable () -> Int64

    func add(to router: Router<ServerContext>) {
        router.group("console/v1").group(context: SDKContext.self).get("fleet", use: status)
    }

    /// 200: one object an environment, or that of the query's `environment`.
    ///
    /// `time` asks about another document than the newest, `limit` for another number of stragglers than 100.
    @Sendable private func status(_ request: Request, _ context: SDKContext) throws -> Response {
        let query = request.uri.queryParameters
        let known = environments()
        let named = query.get("environment")
        if let named, !known.contains(named) {
            throw ServerError(.notFound, "There is no environment \"\(named)\"")
        }
        let time = try Self.number("time", query.get("time"), upTo: .max)
        let limit = try Self.number("limit", query.get("limit"), upTo: 10_000) ?? 100
        let now = now()
        let data = (named.map { [$0] } ?? known).map { environment in
            let status = fleet.status(of: environment, time: time.map(UInt64.init), at: now, limit: limit)
            return JSONValue.object(status.json(at: now))
        }
        return .json(["message": "Fleet read successfully.", "data": .array(data)])
    }

    private static func number(_ name: String, _ text: String?, upTo bound: Int) throws -> Int? {
        guard let text, !text.isEmpty else { return nil }
        guard let number = Int(text), 0...bound ~= number else {
            throw ServerError(.invalid, "\(name) must be a number from 0 to \(bound)")
        }
        return number
    }
}

extension FleetStatus {
    /// The status as the API has it; durations are in milliseconds, times in Unix milliseconds.
    func json(at now: Int64) -> JSONObject {
        [
            "environment": .string(environment), "time": .integer(Int64(clamping: time)),
            "newest": .integer(Int64(clamping: newest)), "live": .integer(live), "estimated": .bool(isEstimate),
            "holding": .integer(holding), "left_out": .integer(leftOut),
            "versions": .array(
                versions.map { version in
                    var object: JSONObject = [
                        "time": .integer(Int64(clamping: version.time)), "instances": .integer(version.instances),
                    ]
                    object.set("checksum", version.checksum.map(JSONValue.string))
                    object.set("delay_ms", version.delay.map { .object($0.json) })
                    return .object(object)
                }
            ),
            "stragglers": .array(stragglers.map { .object($0.json(at: now)) }),
            "edges": .array(edges.map { .object($0.json(at: now)) }),
        ]
    }
}

extension FleetStatus.Instance {
    fileprivate func json(at now: Int64) -> JSONObject {
        var object = sighting.json
        object["used_ms_ago"] = .integer(max(0, now - usedAt))
        object["seen_ms_ago"] = .integer(max(0, now - lastSeen))
        object.set("confirmed_ms_ago", confirmedAt.map { .integer(max(0, now - $0)) })
        return object
    }
}

extension FleetStatus.Delay {
    fileprivate var json: JSONObject {
        [
            "count": .integer(count), "p50": .integer(p50), "p99": .integer(p99), "p999": .integer(p999),
            "max": .integer(max),
        ]
    }
}
