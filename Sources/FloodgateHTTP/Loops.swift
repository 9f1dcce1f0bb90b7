// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// The states of all event loops.
final class Loops: Sendable {
    private let states: [(loop: any EventLoop, state: NIOLoopBound<LoopState>)]
    private let watch = SocketWatch()

    init(group: MultiThreadedEventLoopGroup, limits: HTTPLimits) {
        let bounds = group.makeIterator().map { $0 }
        states = bounds.enumerated().compactMap { index, loop in
            let state = try? loop.submit {
                NIOLoopBound(LoopState(index: index, loop: loop, limits: limits), eventLoop: loop)
            }
            .wait()
            return state.map { (loop, $0) }
        }
    }

    /// The state of the loop that this is called on; nil if the loop had been shut down when the door was made.
    func state(of loop: any EventLoop) -> LoopState? {
        states.first { $0.loop === loop }?.state.value
    }

    func start() {
        forEach { $0.start() }
        guard let watch else { return }
        watch.start { [states] owner, sockets in
            let (loop, state) = states[Int(owner)]
            loop.execute { state.value.sockets?.becameReady(sockets) }
        }
        for (index, (loop, state)) in states.enumerated() {
            loop.execute { state.value.sockets = LoopSockets(watch, owner: UInt32(index)) }
        }
    }

    func stop() {
        forEach { $0.stop() }
        watch?.stop()
    }

    func forEach(_ body: @escaping @Sendable (LoopState) -> Void) {
        for (loop, state) in states { loop.execute { body(state.value) } }
    }

    func counts() async -> (counts: [LoopCounts], lag: UInt64) {
        var all: [LoopCounts] = []
        var lag: UInt64 = 0
        for (loop, state) in states {
            guard let (counts, late) = try? await loop.submit({ (state.value.counts, state.value.lag) }).get() else {
                continue
            }
            all.append(counts)
            lag = max(lag, late)
        }
        return (all, lag)
    }
}
