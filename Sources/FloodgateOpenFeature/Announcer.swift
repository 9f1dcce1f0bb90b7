// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Floodgate
internal import FloodgateFlags
internal import Synchronization

/// Tells of changes between one look at the client and the next.
///
/// A client tells of new documents and of failures, not of time that passes nor of "nothing new"; so whoever resolves a
/// flag looks, too, and no timer of the provider's own need run.
final class Announcer: Sendable {
    private struct State {
        var status = ProviderStatus.notReady
        /// The specs of the last look that found the provider ready.
        var specs: ProviderState.Specs?
        var nextID: UInt64 = 0
        var streams: [UInt64: AsyncStream<ProviderEvent>.Continuation] = [:]

        /// Takes note of a look, and says what is to be told of it.
        mutating func events(of new: ProviderState) -> [ProviderEvent] {
            var events: [ProviderEvent] = []
            if new.status != status {
                status = new.status
                switch new.status {
                case .ready: events.append(.ready)
                case .stale: events.append(.stale(age: new.age))
                case .error:
                    let message = "There are no specs: \(new.source.wireName)"
                    events.append(.error(FlagError(.providerNotReady, message)))
                case .notReady: break
                }
            }
            guard new.status == .ready || new.status == .stale else { return events }
            if let specs, specs != new.specs { events.append(.configurationChanged) }
            specs = new.specs
            return events
        }
    }

    private static let maxStreamed = 100

    private let state = Mutex(State())

    func stream() -> AsyncStream<ProviderEvent> {
        let (stream, continuation) = AsyncStream<ProviderEvent>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.maxStreamed)
        )
        let id = state.withLock { state in
            state.nextID += 1
            state.streams[state.nextID] = continuation
            return state.nextID
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.streams.removeValue(forKey: id) }
        }
        return stream
    }

    /// Ends all streams.
    func finish() {
        let streams = state.withLock { state in
            defer { state.streams = [:] }
            return state.streams
        }
        // Outside the lock, which the end of a stream takes.
        for stream in streams.values { stream.finish() }
    }

    /// Tells of something.
    func tell(_ event: ProviderEvent) {
        state.withLock { state in
            for stream in state.streams.values { stream.yield(event) }
        }
    }

    /// Looks at the client and tells of what has changed since the last time.
    @discardableResult func look(at client: FloodgateClient, _ staleAfter: Duration?) -> ProviderState {
        // Looked at under the lock, so that no older look comes after a newer one.
        state.withLock { state in
            let new = ProviderState(client, staleAfter: staleAfter)
            for event in state.events(of: new) {
                for stream in state.streams.values { stream.yield(event) }
            }
            return new
        }
    }
}
