// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What the broker says when it has all copies of a batch.
package struct TransportReceipt: Sendable, Hashable {
    /// Whether the broker has not had the batch before, as far as it remembers.
    package var isNew: Bool
    /// The part of the flow that the batch is in.
    package var partition: Int
    /// Its number there: above that of every batch that was acknowledged before this one was sent, if it is new.
    package var sequence: UInt64

    package init(isNew: Bool, partition: Int, sequence: UInt64) {
        self.isNew = isNew
        self.partition = partition
        self.sequence = sequence
    }
}
