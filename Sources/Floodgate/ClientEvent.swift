// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

/// Something that happened behind a client; `FloodgateClient.events` and `subscribe` tell of it.
@nonexhaustive public enum ClientEvent: Sendable, Hashable {
    /// A document took the place of the one before: its source, its time in Unix milliseconds and its checksum.
    case specsUpdated(from: SpecSource, time: UInt64, checksum: String?)
    /// Something that the client tried did not work; it goes on with what it has.
    case failed(ClientError)
    /// Changes come over a stream from now on.
    case streamOpened
    /// The stream is over; another one, or polls, take its place.
    case streamEnded
    /// So many events were given up.
    case eventsDropped(Int, EventStatistics.DropReason)
    /// A gate was checked.
    case gateEvaluated(FeatureGate)
    /// A dynamic config was evaluated.
    case dynamicConfigEvaluated(DynamicConfig)
    /// An experiment was evaluated.
    case experimentEvaluated(Experiment)
    /// A layer was evaluated: its name, the rule that decided, the experiment that the user was allocated to, and why.
    case layerEvaluated(String, ruleID: String, allocatedExperiment: String?, reason: EvaluationReason)

    /// What kind of event it is.
    @nonexhaustive public enum Kind: Sendable, Hashable, CaseIterable {
        /// See the events of the same names.
        case specsUpdated, failed, streamOpened, streamEnded, eventsDropped
        /// See the events of the same names.
        case gateEvaluated, dynamicConfigEvaluated, experimentEvaluated, layerEvaluated

        /// Whether a check is behind it, of which there may be millions in a second.
        var isEvaluation: Bool {
            switch self {
            case .specsUpdated, .failed, .streamOpened, .streamEnded, .eventsDropped: false
            case .gateEvaluated, .dynamicConfigEvaluated, .experimentEvaluated, .layerEvaluated: true
            }
        }
    }

    /// What kind of event this is.
    public var kind: Kind {
        switch self {
        case .specsUpdated: .specsUpdated
        case .failed: .failed
        case .streamOpened: .streamOpened
        case .streamEnded: .streamEnded
        case .eventsDropped: .eventsDropped
        case .gateEvaluated: .gateEvaluated
        case .dynamicConfigEvaluated: .dynamicConfigEvaluated
        case .experimentEvaluated: .experimentEvaluated
        case .layerEvaluated: .layerEvaluated
        }
    }
}

extension Set<ClientEvent.Kind> {
    /// Everything, evaluations included.
    public static var all: Self { Self(ClientEvent.Kind.allCases) }
    /// Evaluations, of which there may be millions in a second.
    public static var evaluations: Self { all.filter(\.isEvaluation) }
    /// What happens behind the client, and seldom: everything but evaluations.
    public static var background: Self { all.filter { !$0.isEvaluation } }

    var hasEvaluations: Bool { contains(where: \.isEvaluation) }
}

extension ClientEvent {
    static func layerEvaluated(_ name: String, _ evaluation: LayerEvaluation) -> Self {
        .layerEvaluated(
            name,
            ruleID: evaluation.ruleID,
            allocatedExperiment: evaluation.allocatedExperiment,
            reason: evaluation.details.reason
        )
    }
}

/// A place among a client's subscribers.
public struct Subscription: Sendable, Hashable {
    let id: UInt64
}

extension FloodgateClient {
    /// What happens from now on, of these kinds, by default all but evaluations.
    ///
    /// A reader that is slow misses the oldest beyond 100, or beyond 1 000 if it wants evaluations.
    public func events(of kinds: Set<ClientEvent.Kind> = .background) -> AsyncStream<ClientEvent> {
        state.hub.stream(of: kinds)
    }

    /// Calls `callback` for each event of these kinds, by default all but evaluations, one at a time, in order, while the
    /// client runs.
    ///
    /// What it throws is logged, and the others are called all the same. A callback that takes long delays the others,
    /// and nothing else, no check among them: evaluations beyond 1 000 that wait are not told of, and of other events
    /// beyond 256 the oldest go. Checks are a little slower while anybody listens to evaluations, and no slower otherwise.
    /// - Returns: What ends it, with `unsubscribe`.
    @discardableResult
    public func subscribe(
        to kinds: Set<ClientEvent.Kind> = .background,
        _ callback: @escaping @Sendable (ClientEvent) async throws -> Void
    ) -> Subscription {
        state.hub.subscribe(to: kinds, callback)
    }

    /// Ends a subscription; its callback is not called again.
    public func unsubscribe(_ subscription: Subscription) { state.hub.unsubscribe(subscription) }

    /// Ends all subscriptions, and all streams of events.
    public func unsubscribeAll() { state.hub.unsubscribeAll() }

    /// How many events subscribers and streams have missed so far because they were slow; one for each that missed it.
    public var missedEventCount: Int { state.hub.missedCount }
}
