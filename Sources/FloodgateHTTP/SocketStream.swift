// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import CFloodgateSockets
import NIOCore

/// A stream of events on a bare socket, from when the head of the answer is out.
///
/// The client has nothing to say any more but that it goes, so neither a channel with its buffers nor a reader of requests
/// waits for it. Used on its loop alone.
final class SocketStream: LoopConnection, FeedCarrier {
    private enum Phase {
        case streaming
        /// The stream is over, and the rest of it is still to be sent.
        case ending
        /// All is out, and the client has some time to go by itself.
        case lingering
        case closed
    }

    var place = -1
    let socket: Int32
    private let state: LoopState
    private let sockets: LoopSockets
    private let connections: ConnectionLimiter.Slot
    private var reader: FeedReader?
    private var phase = Phase.streaming
    /// What the kernel had no room for.
    private var unsent: ByteBuffer?
    /// What comes behind that, and behind everything.
    private var farewell: ByteBuffer?
    /// Since when nothing of `unsent` was taken, or the client has had time to go.
    private var since: UInt64 = 0
    /// Bytes that came in after the end.
    private var dropped = 0
    /// Whether the loop will be told when the socket is ready.
    private var isWatched = true

    /// A stream over `socket`, which is closed with it, as is the place in `connections`.
    init(_ socket: Int32, of state: LoopState, _ sockets: LoopSockets, _ connections: ConnectionLimiter.Slot) {
        self.socket = socket
        self.state = state
        self.sockets = sockets
        self.connections = connections
    }

    func begin(_ reader: FeedReader, _ opening: FeedBytes?) {
        state.add(self)
        self.reader = reader
        reader.begin(opening, over: self)
    }

    // MARK: What is sent

    var hasRoom: Bool { unsent == nil && phase == .streaming }

    func write(_ bytes: ByteBuffer) {
        state.counts.bytesOut &+= bytes.readableBytes
        send(bytes)
    }

    private func send(_ bytes: ByteBuffer) {
        let taken = bytes.withUnsafeReadableBytes { floodgate_socket_send(socket, $0.baseAddress, UInt($0.count)) }
        guard taken >= 0 else { return close("client") }
        guard taken < bytes.readableBytes else {
            unsent = nil
            if let farewell {
                self.farewell = nil
                send(farewell)
            }
            return
        }
        if taken > 0 || unsent == nil { since = state.now }
        var rest = bytes
        rest.moveReaderIndex(forwardBy: taken)
        unsent = rest
        watch()
    }

    func finish(_ farewell: ByteBuffer, _ reason: String) {
        reader = nil
        if unsent == nil { write(farewell) } else { self.farewell = farewell }
        guard phase != .closed else { return }
        state.counts.closes[reason, default: 0] += 1
        phase = .ending
        if unsent == nil { linger() }
    }

    private func linger() {
        phase = .lingering
        since = state.now
        floodgate_socket_finish(socket)
    }

    // MARK: What happens to it

    /// Called when something came in, the client is gone, or there is room again.
    func becameReady() {
        guard phase != .closed else { return }
        isWatched = false
        var hasHeard = false
        while true {
            let count = floodgate_socket_discard(socket)
            if count == 0 { break }
            guard count > 0 else { return close(count == -1 ? "client" : "error") }
            // Who talks on and on is heard a few times a second; what the kernel does not keep meanwhile waits there.
            guard !hasHeard else { break }
            hasHeard = true
            if phase != .streaming { dropped += count }
        }
        guard !hasHeard else { return }
        if let unsent { send(unsent) }
        if unsent == nil {
            if phase == .ending { linger() }
            reader?.catchUp()
        }
        if !isWatched, phase != .closed { watch() }
    }

    private func watch() {
        isWatched = true
        sockets.watch(self, awaitsRoom: unsent != nil)
    }

    func check(at now: UInt64) {
        // Readiness may have been spent on what the client says, or there is less room than it is told of.
        if let unsent { send(unsent) }
        guard phase != .closed else { return }
        if unsent != nil, now &- since >= state.limits.writeTimeout.nanoseconds { return close("stream_lag") }
        switch phase {
        case .streaming: reader?.check(at: now)
        case .ending where unsent == nil: linger()
        case .lingering where now &- since >= state.limits.lingerTimeout.nanoseconds: return close("linger")
        case .ending, .lingering, .closed: break
        }
        // What comes after the end is dropped up to a limit, and the rest stays in the kernel.
        if !isWatched, phase != .closed, dropped <= state.limits.lingering { watch() }
    }

    func drain() {
        if phase == .streaming { reader?.beginToLeave() }
    }

    func abandon() { close("drain") }

    private func close(_ reason: String) {
        guard phase != .closed else { return }
        phase = .closed
        state.counts.closes[reason, default: 0] += 1
        unsent = nil
        farewell = nil
        reader?.leave()
        reader = nil
        state.remove(self)
        sockets.remove(self)
        connections.free()
        floodgate_socket_close(socket)
    }
}
