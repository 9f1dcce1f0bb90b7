// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import NIOCore
import Synchronization

/// One event of a stream of server-sent events, with the bytes that all its readers share.
package struct FeedEvent: Sendable {
    /// Rises with each event of a feed.
    package let number: Int
    /// What a reader gets who may have missed something.
    let whole: FeedBytes
    /// What a reader gets who has the event before this one, and takes steps; nil for `whole`.
    let step: FeedBytes?

    /// An event of its text, as it goes over the wire, empty line included.
    package init(number: Int, whole: ByteBuffer, step: ByteBuffer? = nil) {
        self.number = number
        self.whole = FeedBytes(whole)
        self.step = step.map { FeedBytes($0) }
    }

    /// What brings a reader here who holds the event `number`, by a step if it takes any; nil for nothing.
    func bytes(from number: Int?, takesSteps: Bool) -> FeedBytes? {
        guard let number else { return whole }
        guard number < self.number else { return nil }
        if takesSteps, number == self.number - 1, let step { return step }
        return whole
    }
}

/// Bytes of a stream, plain and as one chunk of HTTP/1.1.
struct FeedBytes: Sendable {
    let plain: ByteBuffer
    let chunk: ByteBuffer

    /// Bytes of `text`; behind the last ones comes the end of all chunks.
    init(_ text: ByteBuffer, isLast: Bool = false) {
        plain = text
        var chunk = ByteBuffer()
        chunk.reserveCapacity(text.readableBytes + 24)
        chunk.writeString(String(text.readableBytes, radix: 16) + "\r\n")
        chunk.writeImmutableBuffer(text)
        chunk.writeStaticString(isLast ? "\r\n0\r\n\r\n" : "\r\n")
        self.chunk = chunk
    }

    /// Says that the stream lives.
    static let heartbeat = FeedBytes(ByteBuffer(string: ": hb\n\n"))
    /// The last thing that a reader hears whose time is up: come back soon, but not all at once.
    static let farewell = FeedBytes(ByteBuffer(string: "retry: 1000\n\n"), isLast: true)
}

/// Events for any number of readers, who each get the newest, whatever became of those before.
///
/// One publication costs a message to each event loop, and a write for each reader.
package final class EventFeed: Sendable {
    private struct State: Sendable {
        var newest: FeedEvent?
        var audiences: [(loop: any EventLoop, audience: NIOLoopBound<FeedAudience>)] = []
        var waiting: [Int: AsyncStream<FeedEvent>.Continuation] = [:]
        var nextWaiting = 0
    }

    private let state = Mutex(State())

    /// Makes a feed that has nothing to say yet.
    package init() {}

    /// The newest event.
    package var newest: FeedEvent? { state.withLock { $0.newest } }

    /// Sends `event` to all readers, unless it is older than the newest.
    package func publish(_ event: FeedEvent) {
        let (audiences, waiting) = state.withLock { state -> ([(any EventLoop, NIOLoopBound<FeedAudience>)], _) in
            if let newest = state.newest, newest.number >= event.number {
                return ([], [AsyncStream<FeedEvent>.Continuation]())
            }
            state.newest = event
            return (state.audiences.map { ($0.loop, $0.audience) }, Array(state.waiting.values))
        }
        for (loop, audience) in audiences { loop.execute { audience.value.offer(event) } }
        for continuation in waiting { continuation.yield(event) }
    }

    /// The readers on `loop`; called there.
    func audience(on loop: any EventLoop) -> FeedAudience {
        state.withLock { state in
            if let known = state.audiences.first(where: { $0.loop === loop }) { return known.audience }
            let new = NIOLoopBound(FeedAudience(), eventLoop: loop)
            state.audiences.append((loop, new))
            return new
        }.value
    }

    /// The events from now on, the newest of those that were not taken yet.
    package func events() -> AsyncStream<FeedEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: FeedEvent.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextWaiting += 1
            state.waiting[state.nextWaiting] = continuation
            return state.nextWaiting
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.waiting.removeValue(forKey: id) }
        }
        return stream
    }
}

/// On what terms somebody reads a feed.
package struct FeedTerms: Sendable {
    /// What is read.
    let feed: EventFeed
    /// The number of the event that the reader holds; nil for none.
    let held: Int?
    /// What a reader is told first of all; nil for nothing.
    let opening: FeedBytes?
    /// Whether the reader can go from one event to the next by a step.
    let takesSteps: Bool
    /// How often the stream says that it lives, and whether the reader is still welcome is asked.
    let heartbeat: Duration
    /// How long the stream lasts.
    let life: Duration
    /// How long a stream may last that is to end because the server stops.
    let drain: Duration
    /// Whether the reader is still welcome.
    let mayStay: @Sendable () -> Bool
    /// What the stream holds as long as it lasts, such as its place among all that there may be.
    let place: any AnyObject & Sendable

    /// Terms.
    package init(
        feed: EventFeed,
        held: Int?,
        opening: ByteBuffer? = nil,
        takesSteps: Bool,
        heartbeat: Duration = .seconds(25),
        life: Duration,
        drain: Duration,
        mayStay: @escaping @Sendable () -> Bool,
        place: any AnyObject & Sendable
    ) {
        self.feed = feed
        self.held = held
        self.opening = opening.map { FeedBytes($0) }
        self.takesSteps = takesSteps
        self.heartbeat = heartbeat
        self.life = life
        self.drain = drain
        self.mayStay = mayStay
        self.place = place
    }

    /// The same stream for a protocol that has no readers of its own kind: from a task, with the newest event.
    package func write(to writer: any AnswerWriter) async throws {
        let end = ContinuousClock.now + life
        // Before the newest is looked at, so that none is missed in between.
        let events = feed.events()
        if let opening { try await writer.write(opening.plain) }
        var number = held
        if let newest = feed.newest, let bytes = newest.bytes(from: number, takesSteps: takesSteps) {
            number = newest.number
            try await writer.write(bytes.plain)
        }
        enum Signal { case event(FeedEvent), beat }
        let (signals, continuation) = AsyncStream.makeStream(of: Signal.self, bufferingPolicy: .bufferingNewest(2))
        let sources = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await event in events { continuation.yield(.event(event)) } }
                group.addTask {
                    while (try? await Task.sleep(for: heartbeat)) != nil { continuation.yield(.beat) }
                }
            }
            continuation.finish()
        }
        defer { sources.cancel() }
        for await signal in signals {
            switch signal {
            case .event(let event):
                guard let bytes = event.bytes(from: number, takesSteps: takesSteps) else { continue }
                number = event.number
                try await writer.write(bytes.plain)
            case .beat:
                guard mayStay(), ContinuousClock.now < end else {
                    return try await writer.write(FeedBytes.farewell.plain)
                }
                // The queue of signals is short: a reader that was slow may have missed one.
                if let newest = feed.newest, let bytes = newest.bytes(from: number, takesSteps: takesSteps) {
                    number = newest.number
                    try await writer.write(bytes.plain)
                    continue
                }
                try await writer.write(FeedBytes.heartbeat.plain)
            }
        }
    }
}
