// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import CFloodgateSockets
import NIOCore

extension HTTP1Connection: FeedCarrier {
    /// Lets the connection read a feed until one side ends it; nothing else is served on it afterwards.
    func read(_ terms: FeedTerms, isChunked: Bool) {
        phase = .streaming
        deadline = .max
        input = nil
        hold(false)
        // The head first: an event waits until all before it is out.
        if let context { flush(context) }
        guard context != nil else { return }
        let reader = FeedReader(terms, isChunked: isChunked, on: state)
        if isDraining { reader.beginToLeave() }
        if let stream = handOver() { return stream.begin(reader, terms.opening) }
        self.reader = reader
        reader.begin(terms.opening, over: self)
    }

    /// Gives the socket away to where a stream costs little; nil where the channel is needed for more than its events.
    private func handOver() -> SocketStream? {
        guard !peer.isSecure, !isInputClosed, let sockets = state.sockets, let context, unsentBytes(context) == 0 else {
            return nil
        }
        let operations = context.pipeline.syncOperations
        let socket = try? operations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            floodgate_socket_duplicate($0)
        }
        guard let socket, socket >= 0 else { return nil }
        let stream = SocketStream(socket, of: state, sockets, connections)
        guard sockets.add(stream) else {
            floodgate_socket_close(socket)
            return nil
        }
        phase = .closed
        self.context = nil
        state.remove(self)
        // The client notices nothing: the connection is open as long as one descriptor of it is.
        context.close(promise: nil)
        return stream
    }

    var hasRoom: Bool {
        guard let context, phase == .streaming else { return false }
        return isStreamSent || unsentBytes(context) == 0
    }

    func write(_ bytes: ByteBuffer) {
        isStreamSent = false
        state.counts.bytesOut &+= bytes.readableBytes
        context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func finish(_ farewell: ByteBuffer, _ reason: String) {
        reader = nil
        write(farewell)
        state.counts.closes[reason, default: 0] += 1
        linger()
    }

    /// What is due on a stream at `now`.
    func checkStream(_ context: ChannelHandlerContext, at now: UInt64) {
        if !isStreamSent {
            guard checkUnsent(context, now) else { return close("stream_lag") }
            isStreamSent = unsent == 0
        }
        reader?.check(at: now)
    }

    private func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
