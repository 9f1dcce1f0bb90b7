// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import Testing

/// How an edge tells a server, or another edge, of what it sees in the environment "e".
struct FleetLink {
    let edge: Fleet
    let upstream: Fleet
    let name: String
    /// Whether those upstream ask, and the edge answers; older ones do not.
    var isAsked = true
    private var told = 0
    private var level = 0

    init(_ edge: Fleet, to upstream: Fleet, name: String) {
        (self.edge, self.upstream, self.name) = (edge, upstream, name)
    }

    /// Lets the edge tell what is new; of how many instances it told.
    @discardableResult
    mutating func forward(at now: Int64, limit: Int = 10_000) throws -> Int {
        let tidings = edge.changes(of: "e", after: told, at: now, limit: limit)
        if tidings.level > level { upstream.thin("e", toldBy: name, to: tidings.level) }
        (told, level) = (tidings.number, tidings.level)
        for sighting in tidings.sightings {
            upstream.see(try #require(FleetSighting(sighting.json)), of: "e", by: name, at: now)
        }
        if isAsked { edge.answer(upstream.questions(about: "e", at: now), about: "e", at: now) }
        return tidings.sightings.count
    }

    /// An instance that answers from the document of `time`.
    static func sighting(_ id: String, time: Int64) -> FleetSighting {
        FleetSighting(id: id, name: "host-\(id)", sdk: "floodgate-swift", sdkVersion: "0.1.0", time: UInt64(time))
    }
}
