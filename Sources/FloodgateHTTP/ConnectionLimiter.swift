// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// Counts connections, in all and by the address of those that have not shown what they want.
final class ConnectionLimiter: Sendable {
    private struct State {
        var total = 0
        var strangers: [UInt64: Int] = [:]
    }

    private let limits: HTTPLimits
    private let state = Mutex(State())

    init(limits: HTTPLimits) { self.limits = limits }

    /// How many there are.
    var total: Int { state.withLock { $0.total } }

    /// Lets a connection in, unless there are too many in all, or from `address`, a `SocketAddress.source`, if it has one.
    func enter(from address: UInt64?) -> Slot? {
        let isIn = state.withLock { state in
            guard state.total < limits.connections else { return false }
            if let address {
                let strangers = state.strangers[address, default: 0]
                guard strangers < limits.strangersPerAddress else { return false }
                state.strangers[address] = strangers + 1
            }
            state.total += 1
            return true
        }
        return isIn ? Slot(limiter: self, address: address) : nil
    }

    fileprivate func leave(_ address: UInt64?, isGone: Bool) {
        state.withLock { state in
            if isGone { state.total -= 1 }
            guard let address, let strangers = state.strangers[address] else { return }
            state.strangers[address] = strangers > 1 ? strangers - 1 : nil
        }
    }

    /// The place of one connection; used on its loop alone.
    final class Slot {
        private let limiter: ConnectionLimiter
        private var address: UInt64?
        private var isFree = false
        /// What else is done, once, for a connection that is no stranger any more.
        var onShowing: (() -> Void)?

        fileprivate init(limiter: ConnectionLimiter, address: UInt64?) {
            self.limiter = limiter
            self.address = address
        }

        /// It is no stranger any more.
        func didShowItself() {
            guard let address else { return }
            self.address = nil
            limiter.leave(address, isGone: false)
            onShowing?()
            onShowing = nil
        }

        /// The connection is gone.
        func free() {
            guard !isFree else { return }
            isFree = true
            limiter.leave(address, isGone: true)
        }

        deinit { free() }
    }
}
