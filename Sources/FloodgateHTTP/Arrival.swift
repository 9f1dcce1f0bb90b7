// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A connection that has been let in, before it is known which protocol it speaks.
struct Arrival {
    /// Its loop's.
    let state: LoopState
    /// Who serves it.
    let service: any FrontService
    let peer: Peer
    /// Its place among all.
    let slot: ConnectionLimiter.Slot
    /// When its first header must have come.
    let deadline: UInt64
}
