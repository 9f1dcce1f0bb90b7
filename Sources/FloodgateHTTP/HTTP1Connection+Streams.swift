// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

extension HTTP1Connection {
    /// Lets the connection read a feed until one side ends it; nothing else is served on it afterwards.
    func read(_ terms: FeedTerms, isChunked: Bool) {
        phase = .streaming
        deadline = .max
        input = nil
        hold(false)
        let audience = terms.feed.audience(on: state.loop)
        let reader = FeedReader(terms, audience: audience, connection: self, isChunked: isChunked, at: state.now)
        self.reader = reader
        audience.add(reader)
        state.counts.streams &+= 1
        // The head first: an event waits until all before it is out.
        if let context { flush(context) }
        if let opening = terms.opening, let context { write(opening, context) }
        if let newest = terms.feed.newest { offer(newest) }
    }

    /// Writes `event`, or keeps it until there is room: of several that wait the newest alone is kept.
    func offer(_ event: FeedEvent) {
        guard let reader, let context, phase == .streaming else { return }
        guard let bytes = reader.terms.bytes(of: event, from: reader.number) else { return }
        guard reader.isSent || unsentBytes(context) == 0 else {
            reader.pending = event
            return
        }
        reader.pending = nil
        reader.number = event.number
        write(bytes, context)
    }

    private func write(_ bytes: FeedBytes, _ context: ChannelHandlerContext) {
        guard let reader else { return }
        let buffer = reader.isChunked ? bytes.chunk : bytes.plain
        reader.isSent = false
        state.counts.bytesOut &+= buffer.readableBytes
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    /// What is due on a stream at `now`: an event that waits, a sign of life, the end.
    func checkStream(at now: UInt64) {
        guard let reader, let context else { return }
        if !reader.isSent {
            guard checkUnsent(context, now) else { return close("write_timeout") }
            reader.isSent = unsent == 0
        }
        if now >= reader.endsAt { return endStream("stream_life") }
        if let pending = reader.pending {
            offer(pending)
        } else if now >= reader.beatsAt {
            reader.beatsAt = now &+ reader.terms.heartbeat.nanoseconds
            guard reader.terms.mayStay() else { return endStream("stream_key") }
            if reader.isSent { write(.heartbeat, context) }
        }
    }

    /// Ends the stream so that the client sees that it was meant to end.
    private func endStream(_ reason: String) {
        guard let context, let reader else { return }
        if unsentBytes(context) == 0 {
            write(.farewell, context)
            if reader.isChunked {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "0\r\n\r\n")), promise: nil)
            }
        }
        leaveStream()
        state.counts.closes[reason, default: 0] += 1
        linger()
    }

    /// Lets a stream go on for a random part of the time that a server has to stop in.
    func drainStream() {
        guard let reader else { return }
        let now = state.now
        let time = reader.terms.drain.nanoseconds
        reader.endsAt = min(reader.endsAt, now &+ (time > 0 ? .random(in: 0...time) : 0))
    }

    /// Takes the connection out of its feed.
    func leaveStream() {
        guard let reader else { return }
        self.reader = nil
        reader.audience.remove(reader)
        reader.connection = nil
        state.counts.streams &-= 1
    }

    private func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
