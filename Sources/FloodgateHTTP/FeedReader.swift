// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What carries a stream to its reader.
protocol FeedCarrier: AnyObject {
    /// Whether all that was written has left the process; nothing is written before.
    var hasRoom: Bool { get }
    /// Writes `bytes`.
    func write(_ bytes: ByteBuffer)
    /// Ends the connection behind what was written and `farewell`, so that the client sees that it was meant to end.
    func finish(_ farewell: ByteBuffer, _ reason: String)
}

/// The readers of one feed on one event loop.
final class FeedAudience {
    private var readers: [FeedReader] = []

    func add(_ reader: FeedReader) {
        reader.place = readers.count
        readers.append(reader)
    }

    func remove(_ reader: FeedReader) {
        guard readers.indices.contains(reader.place), readers[reader.place] === reader else { return }
        let last = readers.removeLast()
        if last !== reader {
            readers[reader.place] = last
            last.place = reader.place
        }
        reader.place = -1
    }

    func offer(_ event: FeedEvent) {
        // A reader that is gone by then takes itself out, and the last one's place with it.
        var index = readers.count - 1
        while index >= 0 {
            if index < readers.count { readers[index].offer(event) }
            index -= 1
        }
    }
}

/// One connection's part in a feed, as long as it lasts; thousands of them wait at a time, so it holds little.
final class FeedReader {
    private let state: LoopState
    private let feed: EventFeed
    private let audience: FeedAudience
    private let takesSteps: Bool
    private let heartbeat: UInt64
    private let drain: UInt64
    private let mayStay: @Sendable () -> Bool
    private let held: any AnyObject & Sendable
    /// Whose part it is, until one side leaves.
    private var carrier: (any FeedCarrier)?
    /// Whether the answer is chunked.
    private let isChunked: Bool
    /// Where it stands in the audience.
    fileprivate var place = -1
    /// The number of the last event that was written.
    private var number: Int?
    /// Whether there was no room for the newest event yet.
    private var isBehind = false
    /// When the stream is to end, and why; and when it next says that it lives.
    private var endsAt: UInt64
    private var isDraining = false
    private var beatsAt: UInt64

    init(_ terms: FeedTerms, isChunked: Bool, on state: LoopState) {
        self.state = state
        feed = terms.feed
        audience = terms.feed.audience(on: state.loop)
        takesSteps = terms.takesSteps
        heartbeat = terms.heartbeat.nanoseconds
        drain = terms.drain.nanoseconds
        mayStay = terms.mayStay
        held = terms.place
        self.isChunked = isChunked
        number = terms.held
        let now = state.now
        endsAt = now &+ terms.life.nanoseconds
        // Spread from the start, so that a crowd that came as one does not beat as one.
        beatsAt = now &+ .random(in: 1...max(1, terms.heartbeat.nanoseconds))
    }

    /// Begins to read over `carrier`, which has the head of the answer behind it.
    func begin(_ opening: FeedBytes?, over carrier: any FeedCarrier) {
        self.carrier = carrier
        audience.add(self)
        state.counts.streams &+= 1
        if let opening { write(opening) }
        if let newest = feed.newest { offer(newest) }
    }

    /// Writes `event`, or remembers that there was no room for it: of several that wait the newest alone is written.
    func offer(_ event: FeedEvent) {
        guard let carrier, let bytes = event.bytes(from: number, takesSteps: takesSteps) else { return }
        isBehind = !carrier.hasRoom
        guard !isBehind else { return }
        number = event.number
        carrier.write(isChunked ? bytes.chunk : bytes.plain)
    }

    /// Writes what there was no room for.
    func catchUp() {
        if isBehind, let newest = feed.newest { offer(newest) }
    }

    /// Does what is due at `now`: an event that waits, a sign of life, the end.
    func check(at now: UInt64) {
        if now >= endsAt { return end(isDraining ? "stream_drain" : "stream_life") }
        if isBehind {
            catchUp()
        } else if now >= beatsAt {
            beatsAt = now &+ heartbeat
            guard mayStay() else { return end("stream_key") }
            if carrier?.hasRoom == true { write(.heartbeat) }
        }
    }

    /// Lets the stream go on for a random part of the time that a server has to stop in.
    func beginToLeave() {
        let end = state.now &+ (drain > 0 ? .random(in: 0...drain) : 0)
        guard end < endsAt else { return }
        endsAt = end
        isDraining = true
    }

    /// Takes the connection out of its feed.
    func leave() {
        guard carrier != nil else { return }
        carrier = nil
        audience.remove(self)
        state.counts.streams &-= 1
    }

    private func write(_ bytes: FeedBytes) { carrier?.write(isChunked ? bytes.chunk : bytes.plain) }

    private func end(_ reason: String) {
        guard let carrier else { return }
        leave()
        // Also behind what the client has not taken yet: it is short, and one that reads on is not left guessing.
        carrier.finish(isChunked ? FeedBytes.farewell.chunk : FeedBytes.farewell.plain, reason)
    }
}
