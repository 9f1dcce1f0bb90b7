// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import Testing

@Suite("Live feed") struct LiveFeedTests {
    private func event(_ number: Int) -> LiveEvent {
        LiveEvent(
            position: Int64(number),
            index: 0,
            receivedAt: 0,
            environment: "production",
            keyKind: "server",
            event: Event(name: "e", time: 0)
        )
    }

    @Test func `keeps the newest for a slow watcher and counts what it missed`() async throws {
        let feed = LiveFeed()
        let slow = try #require(feed.subscribe(capacity: 3))
        let fast = try #require(feed.subscribe(capacity: 100))
        feed.publish((1...10).map(event))
        #expect(slow.dropped == 7)
        #expect(fast.dropped == 0)
        #expect(feed.counts.dropped == 7)
        #expect(feed.counts.published == 10)
        feed.finish()
        var seen: [Int64] = []
        for await event in slow.events { seen.append(event.position) }
        #expect(seen == [8, 9, 10])
    }

    @Test func `turns away more watchers than it has room for, and lets others in when one leaves`() throws {
        let feed = LiveFeed(subscriberLimit: 2)
        let first = try #require(feed.subscribe())
        let second = try #require(feed.subscribe())
        #expect(feed.subscribe() == nil)
        #expect(feed.counts.refusedSubscribers == 1)
        first.cancel()
        #expect(feed.counts.subscribers == 1)
        #expect(feed.subscribe() != nil)
        second.cancel()
    }

    @Test func `forgets a watcher whose task is cancelled`() async throws {
        let feed = LiveFeed()
        let subscription = try #require(feed.subscribe())
        let task = Task { for await _ in subscription.events {} }
        task.cancel()
        await task.value
        #expect(!feed.hasSubscribers)
        feed.publish([event(1)])
        #expect(feed.counts.published == 0)
    }

    @Test func `is over once it is finished`() throws {
        let feed = LiveFeed()
        feed.finish()
        #expect(feed.subscribe() == nil)
    }
}
