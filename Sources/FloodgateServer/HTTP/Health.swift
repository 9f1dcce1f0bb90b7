// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import FloodgateIngest
import Synchronization

/// Whether this process can do its work; depends on nothing outside it.
package final class Health: Sendable {
    private let state = Mutex(["starting"] as Set<String>)

    /// Health of a process that is starting.
    package init() {}

    /// Why no traffic should come here; empty if it should.
    package var reasons: [String] { state.withLock { $0.sorted() } }

    /// Says that the first snapshot is there and the server answers.
    package func didStart() { state.withLock { _ = $0.remove("starting") } }

    /// Says that no new work should come.
    package func willStop() { state.withLock { _ = $0.insert("stopping") } }
}

/// What probes are told: `/livez`, `/readyz` for all traffic, `/readyz/intake` for events alone.
struct Probes: Sendable {
    /// Whether the process serves.
    let health: Health
    /// Whether it takes events.
    let intake: Intake

    /// The paths that are answered.
    static let paths = ["/livez", "/readyz", "/readyz/intake"]

    /// Why the one who asks at `path` should send no traffic; empty if it should, and nil if there is no such path.
    func reasons(at path: String) -> [String]? {
        switch path {
        case "/livez": []
        case "/readyz": health.reasons
        case "/readyz/intake": health.reasons + (intake.obstacle.map { [$0.rawValue] } ?? [])
        default: nil
        }
    }

    /// The same as an answer that is ready: 200 or 503, with a reason on each line.
    func answer(at path: String) -> FastAnswer? {
        reasons(at: path).map { reasons in
            FastAnswer(
                reasons.isEmpty
                    ? FastLane.plain(200, "ok\n") : FastLane.plain(503, reasons.joined(separator: "\n") + "\n")
            )
        }
    }
}
