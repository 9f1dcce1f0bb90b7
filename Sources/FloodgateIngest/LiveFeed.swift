// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvents
internal import Synchronization

/// An event on its way past, for people to look at.
package struct LiveEvent: Sendable, Hashable {
    /// The position of its batch in the log.
    package var position: Int64
    /// Its place in the batch, from 0.
    package var index: Int
    /// When it arrived, in Unix milliseconds.
    package var receivedAt: Int64
    /// The environment that the SDK key opens.
    package var environment: String
    /// The kind of key: `server` or `client`.
    package var keyKind: String
    /// The event itself.
    package var event: Event

    package init(
        position: Int64,
        index: Int,
        receivedAt: Int64,
        environment: String,
        keyKind: String,
        event: Event
    ) {
        self.position = position
        self.index = index
        self.receivedAt = receivedAt
        self.environment = environment
        self.keyKind = keyKind
        self.event = event
    }
}

/// Shows accepted events to whoever watches; a slow watcher misses the oldest and holds up nobody.
package final class LiveFeed: Sendable {
    /// What has been shown and missed since the start.
    package struct Counts: Sendable, Hashable {
        /// Who watches now.
        package var subscribers = 0
        /// Events given to the feed while anybody watched.
        package var published: Int64 = 0
        /// Events that a watcher was too slow for, summed over watchers.
        package var dropped: Int64 = 0
        /// Events that were not shown to anybody since too many came in the same second.
        package var unsampled: Int64 = 0
        /// Watchers turned away because there were too many.
        package var refusedSubscribers: Int64 = 0
    }

    private struct State {
        var subscribers: [Int: LiveSubscription] = [:]
        var nextID = 0
        var isFinished = false
        var counts = Counts()
        var second: Int64 = 0
        var shownInSecond = 0
    }

    private let state = Mutex(State())
    private let subscriberLimit: Int
    private let eventsPerSecond: Int

    /// Makes a feed for at most `subscriberLimit` watchers at a time, which shows about `eventsPerSecond` at most.
    package init(subscriberLimit: Int = 100, eventsPerSecond: Int = 5_000) {
        self.subscriberLimit = subscriberLimit
        self.eventsPerSecond = eventsPerSecond
    }

    /// Whether a batch of `count` events and `sizeBytes` bytes that arrived at `time` (Unix milliseconds) is to be shown; else
    /// it counts as passed over.
    ///
    /// The first batches of each second are, if they have less than a MiB, so that watching costs the same under any load.
    package func admits(_ count: Int, of sizeBytes: Int, at time: Int64) -> Bool {
        state.withLock { state in
            if state.second != time / 1_000 {
                state.second = time / 1_000
                state.shownInSecond = 0
            }
            guard state.shownInSecond < eventsPerSecond, sizeBytes < 1 << 20 else {
                state.counts.unsampled += Int64(count)
                return false
            }
            state.shownInSecond += count
            return true
        }
    }

    /// Begins to watch.
    ///
    /// - Parameter capacity: Events kept for the watcher while it is busy; then the oldest are dropped and counted.
    /// - Returns: The watcher's events; nil if there are too many watchers or the feed is finished.
    package func subscribe(capacity: Int = 1000) -> LiveSubscription? {
        state.withLock { state in
            guard !state.isFinished, state.subscribers.count < subscriberLimit else {
                state.counts.refusedSubscribers += 1
                return nil
            }
            let id = state.nextID
            state.nextID += 1
            let (events, continuation) = AsyncStream.makeStream(
                of: LiveEvent.self,
                bufferingPolicy: .bufferingNewest(max(1, capacity))
            )
            let subscription = LiveSubscription(events: events, continuation: continuation)
            state.subscribers[id] = subscription
            continuation.onTermination = { [weak self] _ in self?.remove(id) }
            return subscription
        }
    }

    /// Whether anybody watches: what nobody sees need not be made.
    package var hasSubscribers: Bool { state.withLock { !$0.subscribers.isEmpty } }

    /// Shows `events` to all watchers.
    package func publish(_ events: [LiveEvent]) {
        // Out of the lock: ending a stream calls back into the feed.
        let subscribers = state.withLock { Array($0.subscribers.values) }
        guard !subscribers.isEmpty else { return }
        var dropped: Int64 = 0
        for subscriber in subscribers {
            for event in events { dropped += subscriber.yield(event) ? 0 : 1 }
        }
        state.withLock { state in
            state.counts.published += Int64(events.count)
            state.counts.dropped += dropped
        }
    }

    /// Ends all watching, for shutdown.
    package func finish() {
        let subscribers = state.withLock { state in
            state.isFinished = true
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.cancel() }
    }

    /// What has been shown and missed since the start.
    package var counts: Counts {
        state.withLock { state in
            var counts = state.counts
            counts.subscribers = state.subscribers.count
            return counts
        }
    }

    private func remove(_ id: Int) {
        state.withLock { _ = $0.subscribers.removeValue(forKey: id) }
    }
}

/// One watcher of a `LiveFeed`; it ends when its stream is dropped or its task is cancelled.
package final class LiveSubscription: Sendable {
    /// The events, newest kept; iterate it once.
    package let events: AsyncStream<LiveEvent>
    private let continuation: AsyncStream<LiveEvent>.Continuation
    private let missed = Atomic<Int64>(0)

    init(events: AsyncStream<LiveEvent>, continuation: AsyncStream<LiveEvent>.Continuation) {
        self.events = events
        self.continuation = continuation
    }

    /// Events that this watcher was too slow for.
    package var dropped: Int64 { missed.load(ordering: .relaxed) }

    /// Stops watching.
    package func cancel() { continuation.finish() }

    func yield(_ event: LiveEvent) -> Bool {
        guard case .dropped = continuation.yield(event) else { return true }
        missed.add(1, ordering: .relaxed)
        return false
    }
}
