// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What the ids of events depend on beside the events.
package enum EventIdentity {
    /// Keeps equal events of different environments apart: the 64-bit FNV-1a hash of the environment's name.
    ///
    /// Part of what is stored: another seed gives every event another id.
    package static func seed(environment: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in environment.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }
}
