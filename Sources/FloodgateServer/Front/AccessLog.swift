// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Logging
import Synchronization

/// Tells the log of requests: by route, never by path, so that no key is written down; sampled, so that a flood of
/// requests is none of lines.
final class AccessLog: Sendable {
    private struct State {
        var second: UInt64 = 0
        var lines = 0
        var silenced = 0
    }

    /// Lines of one second at most.
    private static let linesPerSecond = 20

    private let logger: Logger
    private let state = Mutex(State())

    init(logger: Logger) { self.logger = logger }

    /// A request was refused.
    func refused(_ refusal: Refusal, route: String?) {
        guard let silenced = room(at: ContinuousClock.now) else { return }
        var metadata: Logger.Metadata = [
            "http.response.status_code": .stringConvertible(refusal.status), "code": .string(refusal.code),
            "http.route": .string(route ?? "none"),
        ]
        if silenced > 0 { metadata["silenced"] = .stringConvertible(silenced) }
        logger.log(level: refusal.status >= 500 ? .warning : .debug, "Request refused", metadata: metadata)
    }

    /// How many lines were kept back since the last one; nil if this one is to be kept back, too.
    private func room(at now: ContinuousClock.Instant) -> Int? {
        let second = UInt64(Self.start.duration(to: now) / .seconds(1))
        return state.withLock { state in
            if state.second != second {
                state.second = second
                state.lines = 0
            }
            guard state.lines < Self.linesPerSecond else {
                state.silenced += 1
                return nil
            }
            state.lines += 1
            defer { state.silenced = 0 }
            return state.silenced
        }
    }

    private static let start = ContinuousClock.now
}
