// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP2

extension HTTP2Connection {
    /// What is sent behind the first GOAWAY of a server that stops; when it comes back, the client has read that, and all
    /// requests that it began before are here.
    static let drainPing: UInt64 = 0x6472_6169_6E

    /// Whether requests are still read.
    var isServing: Bool {
        switch phase {
        case .open, .draining, .finishing: true
        case .lingering, .closed: false
        }
    }

    func touch() { idleDeadline = state.now &+ limits.idleTimeout.nanoseconds }

    func check(at now: UInt64) {
        guard let context else { return }
        let left = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        switch phase {
        case .closed: return
        case .lingering(let deadline): return now >= deadline ? close() : ()
        case .draining(let deadline): if now >= deadline { finish(context) }
        case .open, .finishing: break
        }
        if left == 0 || left != unsent || unsentSince == 0 {
            unsent = left
            unsentSince = now
        } else if now &- unsentSince >= limits.writeTimeout.nanoseconds {
            return close("write_timeout")
        }
        guard !tap.arrivals.isLate(at: now) else { return goAway(.noError, "header_timeout") }
        guard !tap.departures.isStalled(at: now) else { return goAway(.noError, "write_timeout") }
        // The socket or the window of all streams is full, so streams wait for each other.
        if left > 0 || window <= 0 { tap.departures.excuse(at: now) }
        checkStreams(at: now, context)
        if streams.isEmpty, tap.departures.isDone, now >= idleDeadline { goAway(.noError, "idle") }
        endIfDone()
    }

    private func checkStreams(at now: UInt64, _ context: ChannelHandlerContext) {
        for number in tap.departures.stalled(at: now) {
            let isFeed = streams[HTTP2StreamID(number)]?.exchange.isEndless == true
            reset(HTTP2StreamID(number), .cancel, context)
            forget(HTTP2StreamID(number))
            state.counts.closes[isFeed ? "stream_lag" : "stream_write_timeout", default: 0] += 1
        }
        stopAnswered(context)
        for (id, stream) in streams {
            if !stream.isAnswering, stream.exchange.isTooSlow(at: now, limits) {
                end(stream, id, with: .slowBody, hasAll: false, context)
            } else if now >= stream.deadline {
                end(stream, id, with: stream.exchange.terms.lateness, hasAll: true, context)
            }
        }
        context.flush()
    }

    // MARK: The end

    func drain() {
        guard case .open = phase else { return }
        phase = .draining(until: state.now &+ limits.lingerTimeout.nanoseconds)
        tap.announceEnd(ping: Self.drainPing)
    }

    /// Serves the requests that there are, and no more.
    func finish(_ context: ChannelHandlerContext) {
        phase = .finishing
        writeFrame(.goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil), on: .rootStream, context)
        context.flush()
        // What has no end would keep the connection until it is cut off.
        for (id, stream) in streams where stream.exchange.isEndless {
            stream.exchange.task?.cancel()
            finish(id, behind: FeedBytes.farewell.plain)
        }
        endIfDone()
    }

    /// Ends the connection if that is wanted and nothing is left to do.
    func endIfDone() {
        guard streams.isEmpty, tap.departures.isDone, isServing else { return }
        if isInputClosed { if isSent { close("client") } } else if case .finishing = phase { linger("drain") }
    }

    private var isSent: Bool { (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 == 0 }

    /// The client sends no more; what it asked for before is still answered, but for what has no end.
    func didCloseInput() {
        guard isServing else { return close() }
        isInputClosed = true
        for (id, stream) in streams where !stream.isAnswering || stream.exchange.isStreaming { forget(id) }
        endIfDone()
    }

    /// Says that nothing is served any more, and why.
    func goAway(_ code: NIOHTTP2.HTTP2ErrorCode, _ reason: String) {
        guard isServing, let context else { return }
        writeFrame(.goAway(lastStreamID: lastStream, errorCode: code, opaqueData: nil), on: .rootStream, context)
        context.flush()
        linger(reason)
    }

    /// Says that nothing more comes, and lets the client read before the connection goes.
    func linger(_ reason: String) {
        guard isServing, let context else { return }
        phase = .lingering(until: state.now &+ limits.lingerTimeout.nanoseconds)
        state.counts.closes[reason, default: 0] += 1
        tap.dropAll()
        for id in Array(streams.keys) { forget(id) }
        if isInputClosed { close() } else { context.close(mode: .output, promise: nil) }
    }

    func abandon() { close("drain") }

    private func close(_ reason: String) {
        if isServing { state.counts.closes[reason, default: 0] += 1 }
        close()
    }

    private func close() {
        phase = .closed
        context?.close(promise: nil)
    }

    func forget(_ id: HTTP2StreamID) {
        tap.departures.forget(Int(id))
        if !stopping.isEmpty { stopping.removeAll { $0 == id } }
        guard let stream = streams.removeValue(forKey: id) else { return }
        stream.exchange.task?.cancel()
        count(stream.exchange, status: 0)
        touch()
    }

    func leave() {
        guard context != nil else { return }
        if isServing { state.counts.closes["client", default: 0] += 1 }
        phase = .closed
        context = nil
        state.remove(self)
        slot.free()
        for id in Array(streams.keys) { forget(id) }
    }
}
