// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import CFloodgateSockets
import NIOPosix

/// Waits on a thread of its own for sockets that are in no channel, and tells their owners, which are numbers.
///
/// Streams are written to without being asked whether there is room, so the thread only wakes when a client leaves or lags.
final class SocketWatch: Sendable {
    private let watch: floodgate_watch
    private let thread = NIOThreadPool(numberOfThreads: 1)

    /// A watch; nil where there is none to be had.
    init?() {
        watch = floodgate_watch_open()
        guard watch.set >= 0 else { return nil }
    }

    deinit {
        guard watch.set >= 0 else { return }
        floodgate_socket_close(watch.set)
        floodgate_socket_close(watch.end)
    }

    /// Begins to wait; `tell` is called on the watch's thread.
    func start(_ tell: @escaping @Sendable (_ owner: UInt32, _ sockets: [Int32]) -> Void) {
        thread.start()
        thread.submit { [self] _ in
            var ready = [floodgate_ready](repeating: floodgate_ready(), count: 64)
            while true {
                let count = floodgate_watch_wait(watch, &ready, Int32(ready.count))
                guard count >= 0 else { return }
                let owners = Dictionary(grouping: ready.prefix(Int(count)), by: \.owner)
                for (owner, sockets) in owners { tell(owner, sockets.map(\.socket)) }
            }
        }
    }

    /// Ends waiting for good.
    func stop() {
        floodgate_watch_end(watch)
        thread.shutdownGracefully { _ in }
    }

    /// Tells `owner` once when something came in at `socket`, or the client is gone, or if wanted when there is room.
    func wait(for socket: Int32, of owner: UInt32, awaitsRoom: Bool, isNew: Bool) -> Bool {
        floodgate_watch_socket(watch, socket, owner, awaitsRoom, isNew)
    }
}

/// The streams of one event loop that are in no channel; used there alone.
final class LoopSockets {
    private let watch: SocketWatch
    private let owner: UInt32
    private var streams: [Int32: SocketStream] = [:]

    init(_ watch: SocketWatch, owner: UInt32) {
        self.watch = watch
        self.owner = owner
    }

    /// Takes a stream on; false if its socket cannot be waited for.
    func add(_ stream: SocketStream) -> Bool {
        guard watch.wait(for: stream.socket, of: owner, awaitsRoom: false, isNew: true) else { return false }
        streams[stream.socket] = stream
        return true
    }

    /// Forgets a stream whose socket is about to be closed.
    func remove(_ stream: SocketStream) { streams[stream.socket] = nil }

    /// Waits for a stream's socket once more.
    func watch(_ stream: SocketStream, awaitsRoom: Bool) {
        _ = watch.wait(for: stream.socket, of: owner, awaitsRoom: awaitsRoom, isNew: false)
    }

    /// Tells streams that their sockets are ready, or were a moment ago: a number may belong to another stream by now,
    /// which then finds nothing.
    func becameReady(_ sockets: [Int32]) { for socket in sockets { streams[socket]?.becameReady() } }
}
