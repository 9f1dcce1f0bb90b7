// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Whether this process can do its work; depends on nothing outside it.
package final class Health: Sendable {
    private let state = Mutex(["starting"] as Set<String>)

    /// Health of a process that is starting.
    package init() {}

    /// Why no traffic should come here; empty if it should.
    package var reasons: [String] { state.withLock { $0.sorted() } }

    /// Says that the first snapshot is there and the server answers.
    package func didStart() { state.withLock { _ = $0.remove("starting") } }

    /// Says that no new work should come.
    package func willStop() { state.withLock { _ = $0.insert("stopping") } }
}
