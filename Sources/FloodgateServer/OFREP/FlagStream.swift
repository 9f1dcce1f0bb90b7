// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateDelivery
package import Hummingbird
import NIOCore
import ServiceLifecycle

/// One client's stream of changes: what it is sent, and when it ends.
package struct FlagStream: Sendable {
    let board: SnapshotBoard
    let bell: ChangeBell
    let environment: String
    /// The version that the client was told of last, on this stream or on the one before.
    let lastEventID: String?
    /// Whether the client's key is still good.
    let isStillWelcome: @Sendable () -> Bool
    /// How often it looks around without being woken.
    package var tick = Duration.seconds(5)
    /// Silence after which it shows that it lives.
    package var heartbeat = Duration.seconds(25)
    /// When it ends by itself, so that clients spread over the servers that there are: 15 min ± 20 %.
    package var life = Duration.seconds(.random(in: 720...1_080))

    /// A stream of one environment's changes, with the defaults above.
    package init(
        board: SnapshotBoard,
        bell: ChangeBell,
        environment: String,
        lastEventID: String?,
        isStillWelcome: @escaping @Sendable () -> Bool
    ) {
        self.board = board
        self.bell = bell
        self.environment = environment
        self.lastEventID = lastEventID
        self.isStillWelcome = isStillWelcome
    }

    /// Writes until the client, its key or the server is gone, or the stream has lived its time.
    @concurrent package func write(to writer: inout any ResponseBodyWriter) async throws {
        // Not earlier: an answer whose body is never asked for would listen for good.
        if let (wakes, wake) = bell.listen() {
            defer { wake.finish() }
            try await withThrowingTaskGroup { group in
                group.addTask { [tick] in while (try? await Task.sleep(for: tick)) != nil { wake.yield() } }
                defer { group.cancelAll() }
                try await send(wakes, to: &writer)
            }
        }
        try await writer.finish(nil)
    }

    @concurrent private func send(_ wakes: AsyncStream<Void>, to writer: inout any ResponseBodyWriter) async throws {
        let start = ContinuousClock.now
        var told = lastEventID
        // Says at once that it is there, and how long to stay away when it is not.
        try await writer.write(ByteBuffer(string: "retry: \(Int.random(in: 1_000...5_000))\n\n"))
        var quietSince = start
        var waking = wakes.makeAsyncIterator()
        repeat {
            let now = ContinuousClock.now
            // The newest there is, however many there were since: none waits for a slow client.
            if let version = board.snapshot(of: environment).map({ FlagVersion($0) }), version.id != told {
                try await writer.write(ByteBuffer(string: version.event))
                (told, quietSince) = (version.id, now)
            } else if now - quietSince >= heartbeat - tick / 2 {
                try await writer.write(ByteBuffer(string: ": hb\n\n"))
                quietSince = now
            }
            guard now - start < life, await waking.next() != nil else { return }
        } while isStillWelcome() && !Task.isShuttingDownGracefully
    }
}
