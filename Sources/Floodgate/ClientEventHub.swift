// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Synchronization

/// Tells subscribers what happens: streams at once, callbacks from a task of their own, so that nobody is held up.
final class ClientEventHub: Sendable {
    /// One time of calling callbacks, from when there are events to when the client ends.
    struct Shift: Sendable {
        fileprivate let id: UInt64
        fileprivate let rings: AsyncStream<Void>
    }

    private struct Subscriber: Sendable {
        var kinds: Set<ClientEvent.Kind>
        var callback: @Sendable (ClientEvent) async throws -> Void
    }

    private struct Stream {
        var kinds: Set<ClientEvent.Kind>
        var continuation: AsyncStream<ClientEvent>.Continuation
    }

    private struct State {
        var nextID: UInt64 = 0
        var subscribers: [UInt64: Subscriber] = [:]
        var streams: [UInt64: Stream] = [:]
        var mailbox = ClientEventMailbox()
        /// Who empties the mailbox, and what wakes it; nobody while the client does not run.
        var postman: (id: UInt64, bell: AsyncStream<Void>.Continuation)?
        var missed = 0

        mutating func makeID() -> UInt64 {
            nextID += 1
            return nextID
        }
    }

    private let state = Mutex(State())
    private let specs: CurrentSpecs
    private let logger: Logger

    init(specs: CurrentSpecs, logger: Logger) {
        self.specs = specs
        self.logger = logger
    }

    /// How many events were not told of, counted for each whom they would have reached.
    var missedCount: Int { state.withLock { $0.missed } }

    func stream(of kinds: Set<ClientEvent.Kind>) -> AsyncStream<ClientEvent> {
        let bound = kinds.hasEvaluations ? ClientEventMailbox.maxEvaluations : ClientEventMailbox.maxStreamed
        let (stream, continuation) = AsyncStream<ClientEvent>.makeStream(bufferingPolicy: .bufferingNewest(bound))
        let id = state.withLock { state in
            let id = state.makeID()
            state.streams[id] = Stream(kinds: kinds, continuation: continuation)
            return id
        }
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            _ = state.withLock { $0.streams.removeValue(forKey: id) }
            audienceChanged()
        }
        audienceChanged()
        return stream
    }

    func subscribe(
        to kinds: Set<ClientEvent.Kind>,
        _ callback: @escaping @Sendable (ClientEvent) async throws -> Void
    ) -> Subscription {
        let subscription = state.withLock { state in
            let id = state.makeID()
            state.subscribers[id] = Subscriber(kinds: kinds, callback: callback)
            return Subscription(id: id)
        }
        audienceChanged()
        return subscription
    }

    func unsubscribe(_ subscription: Subscription) {
        _ = state.withLock { $0.subscribers.removeValue(forKey: subscription.id) }
        audienceChanged()
    }

    func unsubscribeAll() {
        let streams = state.withLock { state in
            state.subscribers = [:]
            defer { state.streams = [:] }
            return state.streams
        }
        // Outside the lock, which the end of a stream takes.
        for stream in streams.values { stream.continuation.finish() }
        audienceChanged()
    }

    /// Checks look at what they see anyway, so that they pay nothing while nobody listens to them.
    private func audienceChanged() {
        specs.setTellingOfEvaluations {
            state.withLock { state in
                state.subscribers.values.contains(where: \.kinds.hasEvaluations)
                    || state.streams.values.contains(where: \.kinds.hasEvaluations)
            }
        }
    }

    /// Tells everybody of `event`.
    func emit(_ event: ClientEvent) {
        let kind = event.kind
        state.withLock { state in
            for stream in state.streams.values where stream.kinds.contains(kind) {
                if case .dropped = stream.continuation.yield(event) { state.missed += 1 }
            }
            guard let postman = state.postman else { return }
            let readers = state.subscribers.filter { $0.value.kinds.contains(kind) }.keys.sorted()
            guard !readers.isEmpty else { return }
            state.missed += state.mailbox.put(event, for: readers)
            postman.bell.yield()
        }
    }

    /// Takes events for callbacks from now on.
    func open() -> Shift {
        let (rings, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        return state.withLock { state in
            let shift = Shift(id: state.makeID(), rings: rings)
            state.postman = (shift.id, bell)
            state.mailbox = ClientEventMailbox()
            return shift
        }
    }

    /// Calls callbacks until the task is cancelled and the one at hand is over.
    func serve(_ shift: Shift) async {
        for await _ in shift.rings {
            while !Task.isCancelled, let delivery = take(as: shift.id) { await deliver(delivery) }
        }
        state.withLock { state in
            guard state.postman?.id == shift.id else { return }
            state.postman = nil
            state.mailbox = ClientEventMailbox()
        }
    }

    /// What is to be delivered next, by the postman of this name; nothing if another one has taken over.
    private func take(as id: UInt64) -> ClientEventMailbox.Delivery? {
        state.withLock { $0.postman?.id == id ? $0.mailbox.take() : nil }
    }

    private func deliver(_ delivery: ClientEventMailbox.Delivery) async {
        for id in delivery.readers {
            // Asked for only now: one that has unsubscribed meanwhile is not called.
            guard let callback = state.withLock({ $0.subscribers[id] })?.callback else { continue }
            do { try await callback(delivery.event) } catch {
                // The type alone: the text of a foreign error may hold anything.
                logger.info("A subscriber failed", metadata: ["error": "\(type(of: error))"])
            }
        }
    }
}
