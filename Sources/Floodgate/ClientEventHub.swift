// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Synchronization

/// Tells subscribers what happens: streams at once, callbacks from a task of their own, so that nobody is held up.
final class ClientEventHub: Sendable {
    private struct Subscriber: Sendable {
        var kinds: Set<ClientEvent.Kind>
        var callback: @Sendable (ClientEvent) async throws -> Void
    }

    private struct Delivery: Sendable {
        var event: ClientEvent
        var subscribers: [UInt64]
    }

    private struct State {
        var nextID: UInt64 = 0
        var subscribers: [UInt64: Subscriber] = [:]
        var streams: [UInt64: AsyncStream<ClientEvent>.Continuation] = [:]
        var mailbox: AsyncStream<Delivery>.Continuation?

        mutating func makeID() -> UInt64 {
            nextID += 1
            return nextID
        }
    }

    private static let maxStreamed = 100
    private static let maxDeliveries = 256

    private let state = Mutex(State())
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func stream() -> AsyncStream<ClientEvent> {
        let (stream, continuation) = AsyncStream<ClientEvent>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.maxStreamed)
        )
        let id = state.withLock { state in
            let id = state.makeID()
            state.streams[id] = continuation
            return id
        }
        continuation.onTermination = { [weak self] _ in
            _ = self?.state.withLock { $0.streams.removeValue(forKey: id) }
        }
        return stream
    }

    func subscribe(
        to kinds: Set<ClientEvent.Kind>,
        _ callback: @escaping @Sendable (ClientEvent) async throws -> Void
    ) -> Subscription {
        state.withLock { state in
            let id = state.makeID()
            state.subscribers[id] = Subscriber(kinds: kinds, callback: callback)
            return Subscription(id: id)
        }
    }

    func unsubscribe(_ subscription: Subscription) {
        _ = state.withLock { $0.subscribers.removeValue(forKey: subscription.id) }
    }

    func unsubscribeAll() {
        let streams = state.withLock { state in
            state.subscribers = [:]
            defer { state.streams = [:] }
            return state.streams
        }
        // Outside the lock, which the end of a stream takes.
        for stream in streams.values { stream.finish() }
    }

    /// Tells everybody of `event`.
    func emit(_ event: ClientEvent) {
        state.withLock { state in
            for stream in state.streams.values { stream.yield(event) }
            guard let mailbox = state.mailbox else { return }
            let subscribers = state.subscribers.filter { $0.value.kinds.contains(event.kind) }.keys.sorted()
            if !subscribers.isEmpty { mailbox.yield(Delivery(event: event, subscribers: subscribers)) }
        }
    }

    /// Calls callbacks until the task is cancelled and the one at hand is over.
    func serve() async {
        let (deliveries, mailbox) = AsyncStream<Delivery>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.maxDeliveries)
        )
        state.withLock { $0.mailbox = mailbox }
        for await delivery in deliveries {
            for id in delivery.subscribers {
                // Asked for only now: one that has unsubscribed meanwhile is not called.
                guard let callback = state.withLock({ $0.subscribers[id] })?.callback else { continue }
                do { try await callback(delivery.event) } catch {
                    // The type alone: the text of a foreign error may hold anything.
                    logger.info("A subscriber failed", metadata: ["error": "\(type(of: error))"])
                }
            }
        }
    }
}
