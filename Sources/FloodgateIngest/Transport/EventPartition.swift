// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which part of the flow a batch belongs to.
package enum EventPartition {
    /// The partition of the batch at `position` of a node's log.
    ///
    /// A hash of the environment and the position, so that one busy environment is spread over all partitions and a batch
    /// that is sent again comes to the same one: FNV-1a over both, then the finisher of MurmurHash3.
    ///
    /// - Parameters:
    ///   - environment: The environment of the batch.
    ///   - position: The batch's position.
    ///   - count: How many partitions there are; below 1 is 1.
    /// - Returns: From 0 to below `count`.
    package static func index(environment: String, position: Int64, count: Int) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in environment.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ UInt64(bitPattern: position)) &* 0x100_0000_01B3
        hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        hash ^= hash >> 33
        return Int(hash % UInt64(max(1, count)))
    }
}
