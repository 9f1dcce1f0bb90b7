// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateJSON
internal import Synchronization

/// Notes the steps of an initialisation or an update, for the event `statsig::diagnostics`.
final class Diagnostics: Sendable {
    /// What the steps belong to.
    enum Context: String, Sendable {
        case initialize
        case configSync = "config_sync"

        /// How many of 10 000 are sent unless the document says otherwise.
        fileprivate var usualRate: Int64 { self == .initialize ? 10_000 : 1_000 }
        /// What the document may call it.
        fileprivate var names: [String] { self == .initialize ? ["initialize"] : ["dcs", "config_sync"] }
    }

    private struct State {
        var context: Context?
        var markers: [JSONValue] = []
    }

    private static let maxMarkers = 50

    private let state = Mutex(State())
    private let timing: Timing
    private let isEnabled: Bool

    init(isEnabled: Bool, timing: Timing) {
        self.isEnabled = isEnabled
        self.timing = timing
    }

    /// Begins anew.
    func begin(_ context: Context) {
        guard isEnabled else { return }
        state.withLock { $0 = State(context: context) }
        mark("overall", "start")
    }

    /// Notes that a step begins or ends; never with the key, nor with an address that holds it.
    func mark(_ key: String, _ action: String, step: String? = nil, _ more: JSONObject = [:]) {
        guard isEnabled else { return }
        var marker: JSONObject = ["key": .string(key), "action": .string(action), "timestamp": .integer(timing.wall())]
        if let step { marker["step"] = .string(step) }
        for member in more { marker[member.name] = member.value }
        state.withLock { state in
            guard state.context != nil, state.markers.count < Self.maxMarkers else { return }
            state.markers.append(.object(marker))
        }
    }

    /// Ends what was begun, and says what its event holds; nil if it is not to be sent, by chance and `rates`.
    func end(_ more: JSONObject, rates: JSONObject) -> [String: String]? {
        mark("overall", "end", step: nil, more)
        let (context, markers) = state.withLock { state in
            defer { state = State() }
            return (state.context, state.markers)
        }
        guard let context else { return nil }
        let rate = context.names.lazy.compactMap { rates[$0]?.integerValue }.first ?? context.usualRate
        guard timing.random() * 10_000 < Double(rate) else { return nil }
        return ["context": context.rawValue, "markers": JSONValue.array(markers).text]
    }

    /// Forgets what was begun.
    func discard() { state.withLock { $0 = State() } }
}

extension ClientState {
    /// Logs an event of the client's own, which belongs to nobody.
    func log(internal name: String, _ metadata: [String: String]) {
        guard logsEvents else { return }
        let context = EventContext(environment: nil, globalCustomFields: [:], details: nil)
        let content = QueuedEvent.Content.custom(name: name, value: nil, metadata: metadata)
        queue.append(QueuedEvent(time: timing.wall(), user: FloodgateUser(), context: context, content: content))
    }
}
