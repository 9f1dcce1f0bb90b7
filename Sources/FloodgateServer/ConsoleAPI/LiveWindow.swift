// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import Synchronization

/// The newest events that pass a filter and were not sent yet; of more than a message holds the newest.
final class LiveWindow: Sendable {
    private struct State {
        var events: [JSONValue] = []
        var hidden: Int64 = 0
        var hasEnded = false
    }

    /// Events in one message at most.
    private static let limit = 200

    private let filter: EventFilter
    private let environment: String
    private let state = Mutex(State())

    init(_ filter: EventFilter, environment: String) {
        self.filter = filter
        self.environment = environment
    }

    func add(_ arrived: LiveEvent) {
        guard arrived.environment == environment,
            filter.shows(arrived.event, environment: arrived.environment, keyKind: arrived.keyKind)
        else { return }
        var object = arrived.event.json
        object["received_at"] = .integer(arrived.receivedAt)
        object["environment"] = .string(arrived.environment)
        object["position"] = .integer(arrived.position)
        let value = JSONValue.object(object)
        state.withLock { state in
            state.events.append(value)
            guard state.events.count > Self.limit else { return }
            state.events.removeFirst()
            state.hidden += 1
        }
    }

    func end() { state.withLock { $0.hasEnded = true } }

    /// What is to be sent, and how many events there is no room for.
    func take() -> (events: [JSONValue], hidden: Int64, hasEnded: Bool) {
        state.withLock { state in
            defer { state = State(hasEnded: state.hasEnded) }
            return (state.events, state.hidden, state.hasEnded)
        }
    }
}
