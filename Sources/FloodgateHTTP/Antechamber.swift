// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Where a connection waits for what comes before its first request: ends it at its deadline, and counts once why it
/// ended here, if it did.
final class Antechamber: LoopConnection {
    var place = -1
    private let state: LoopState
    private let deadline: UInt64
    private let lateness: String
    private var channel: (any Channel)?
    private var isClosed = false

    /// Gives a connection the time of a handshake, and `lateness` as the reason for its end if that is too short.
    init(state: LoopState, lateness: String) {
        self.state = state
        self.lateness = lateness
        deadline = state.now &+ state.limits.handshakeTimeout.nanoseconds
    }

    /// `channel` waits from now on.
    func enter(_ channel: any Channel) {
        self.channel = channel
        state.add(self)
    }

    /// It waits no longer, whatever becomes of it.
    func leave() {
        channel = nil
        state.remove(self)
    }

    /// The client has gone.
    func didEnd() { count("client") }

    /// Ends the connection because of `reason`.
    func close(_ reason: String) {
        guard count(reason) else { return }
        channel?.close(promise: nil)
    }

    func check(at now: UInt64) { if now >= deadline { close(lateness) } }
    func drain() { close("drain") }
    func abandon() { close("drain") }

    /// Counts the end; false if it was counted before.
    @discardableResult
    private func count(_ reason: String) -> Bool {
        guard !isClosed else { return false }
        isClosed = true
        state.counts.closes[reason, default: 0] += 1
        return true
    }
}
