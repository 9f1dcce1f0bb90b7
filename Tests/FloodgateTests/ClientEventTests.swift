// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Synchronization
import Testing

/// What a client tells of itself while it runs.
@Suite("Client events", .timeLimit(.minutes(5))) struct ClientEventTests {
    let user = FloodgateUser(userID: "u1")

    private func document(_ step: Int64) -> String {
        TestDocument(time: 1_750_000_000_000 + step, checksum: "c\(step)").text
    }

    @Test(.rows("SYN-24, OBS-14")) func `tells of each document once`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            var events = client.events().makeAsyncIterator()
            await client.initialize()
            await bench.poll()
            bench.server.on(Bench.specs, .ok(document(1)))
            await bench.poll()
            #expect(await events.next() == .specsUpdated(from: .network, time: 1_750_000_000_000, checksum: "1"))
            #expect(await events.next() == .specsUpdated(from: .network, time: 1_750_000_000_001, checksum: "c1"))
            client.unsubscribeAll()
            #expect(await events.next() == nil)
            await client.shutdown()
        }
    }

    @Test(.rows("OBS-08")) func `tells of failures and of events that are given up`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .status(500))
            bench.server.on(Bench.events, .status(403))
            let client = bench.makeClient()
            var events = client.events().makeAsyncIterator()
            await client.initialize()
            client.logEvent("e", for: user)
            await client.flush()
            guard case .failed(let error)? = await events.next() else { return #expect(Bool(false), "no failure") }
            #expect(error.status == 500)
            #expect(await events.next() == .eventsDropped(1, .refused))
            await client.shutdown()
        }
    }

    @Test(.rows("OBS-14")) func `calls whoever has subscribed, for as long`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            let (heard, others) = (Heard(), Heard())
            let subscription = client.subscribe(to: [.specsUpdated]) { heard.note($0) }
            client.subscribe(to: [.failed]) { others.note($0) }
            await client.initialize()
            await heard.isTold(1)
            bench.server.on(Bench.specs, .status(403))
            await bench.poll()
            await others.isTold(1)
            #expect(heard.events.count == 1)

            client.unsubscribe(subscription)
            client.subscribe { others.note($0) }
            bench.server.on(Bench.specs, .ok(document(1)))
            await bench.poll()
            await others.isTold(2)
            #expect(heard.events.count == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-02")) func `contains callbacks that throw, that come back, and that hang`() async throws {
        struct Failure: Error, CustomStringConvertible {
            var description: String { "very private" }
        }
        let log = RecordingLog()
        try await Bench.run { bench in
            let client = bench.makeClient { $0.logger = log.logger }
            let (heard, gate) = (Heard(), Heard())
            client.subscribe { _ in throw Failure() }
            client.subscribe { event in
                // Comes back into the client, which must not wait for itself.
                _ = client.checkGate("open", for: user)
                client.unsubscribe(client.subscribe { _ in })
                await client.flush()
                heard.note(event)
            }
            await client.initialize()
            await heard.isTold(1)
            #expect(log.lines.count { $0.contains("A subscriber failed") } == 1)
            #expect(!log.lines.contains { $0.contains("very private") })

            client.subscribe { event in
                gate.note(event)
                await withCheckedContinuation { gate.keep($0) }
            }
            bench.server.on(Bench.specs, .ok(document(1)))
            await bench.poll()
            await gate.isTold(1)
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "new", gates: ["new": true]).text))
            await bench.poll()
            await client.shutdown()
            gate.release()
        }
    }
}

/// What a callback was told.
private final class Heard: Sendable {
    private let state = Mutex<(events: [ClientEvent], kept: [CheckedContinuation<Void, Never>])>(([], []))

    var events: [ClientEvent] { state.withLock { $0.events } }

    func note(_ event: ClientEvent) { state.withLock { $0.events.append(event) } }

    func keep(_ continuation: CheckedContinuation<Void, Never>) { state.withLock { $0.kept.append(continuation) } }

    func release() {
        let kept = state.withLock { state in
            defer { state.kept = [] }
            return state.kept
        }
        for continuation in kept { continuation.resume() }
    }

    func isTold(_ count: Int) async { while events.count < count, !Task.isCancelled { await Task.yield() } }
}
