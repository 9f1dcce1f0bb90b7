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

    /// What kind of event it is.
    @nonexhaustive public enum Kind: Sendable, Hashable, CaseIterable {
        /// See the events of the same names.
        case specsUpdated, failed, streamOpened, streamEnded, eventsDropped
    }

    /// What kind of event this is.
    public var kind: Kind {
        switch self {
        case .specsUpdated: .specsUpdated
        case .failed: .failed
        case .streamOpened: .streamOpened
        case .streamEnded: .streamEnded
        case .eventsDropped: .eventsDropped
        }
    }
}

/// A place among a client's subscribers.
public struct Subscription: Sendable, Hashable {
    let id: UInt64
}

extension FloodgateClient {
    /// What happens behind the client from now on; a reader that is slow misses the oldest beyond 100.
    public func events() -> AsyncStream<ClientEvent> { state.hub.stream() }

    /// Calls `callback` for each event of these kinds, all by default, one at a time, in order, while the client runs.
    ///
    /// What it throws is logged, and the others are called all the same. A callback that takes long delays the others,
    /// and nothing else; beyond 256 the oldest events go.
    /// - Returns: What ends it, with `unsubscribe`.
    @discardableResult
    public func subscribe(
        to kinds: Set<ClientEvent.Kind> = Set(ClientEvent.Kind.allCases),
        _ callback: @escaping @Sendable (ClientEvent) async throws -> Void
    ) -> Subscription {
        state.hub.subscribe(to: kinds, callback)
    }

    /// Ends a subscription; its callback is not called again.
    public func unsubscribe(_ subscription: Subscription) { state.hub.unsubscribe(subscription) }

    /// Ends all subscriptions, and all streams of events.
    public func unsubscribeAll() { state.hub.unsubscribeAll() }
}
