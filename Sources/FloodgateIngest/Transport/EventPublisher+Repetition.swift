// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

// What is done about a batch that the broker may have twice.
extension EventPublisher {
    /// Whether the broker may have a batch that was never acknowledged: an earlier run may have sent it.
    func mayHaveBeenSent(_ batch: LoggedBatch) -> Bool { state.withLock { batch.id <= $0.lastBefore } }

    /// Notes that a batch which the broker may have had was new to it.
    ///
    /// Brokers know ids of what they hold. Of a batch that was loaded and removed before its acknowledgement came, a broker that
    /// has started since knows nothing: it takes it once more, and it is loaded once more. Reads count it once; the ledger is
    /// told that there may be more than was accepted.
    func mayBeTwice(_ batch: LoggedBatch) {
        let segment = batch.id >> 32
        state.withLock { $0.resentThrough = max($0.resentThrough, segment) }
        // Once a segment, and before the batch counts as arrived: after a kill it would be no news to the broker. Whoever comes
        // while it is written waits for that.
        keepMark { $0.resentThrough >= segment }
    }
}
