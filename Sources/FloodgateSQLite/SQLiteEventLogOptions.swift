// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How the event log on disk behaves; each default suits one machine.
package struct SQLiteEventLogOptions: Sendable {
    /// Bytes after which a segment is sealed and the next one begun; 64 MiB by default.
    package var segmentSizeBytes: Int64 = 64 << 20
    /// Bytes after which the log beside a segment is to be written from its beginning again, and half of what it may have;
    /// 96 MiB by default, which only many small batches reach.
    package var logSizeBytes = 96 << 20
    /// Room on the disk below which none is taken ahead of need, and logs are kept at some 4 MiB; 1 GiB by default.
    package var ampleBytes = 1 << 30
    /// Age at which a segment with data is sealed; a minute by default.
    package var segmentAge: Duration = .seconds(60)
    /// Bytes that all segments may have; 50 GiB by default.
    ///
    /// From four fifths of it on, the intake refuses what matters least.
    package var quotaBytes: Int64 = 50 << 30
    /// Bytes of payload that may wait for their commit; 64 MiB by default, beyond which is overload.
    package var queueSizeBytes = 64 << 20
    /// Batches that may wait for their commit; 10 000 by default, beyond which is overload.
    package var queueCount = 10_000
    /// Bytes of payload that share one commit at most; 4 MiB by default.
    package var commitSizeBytes = 4 << 20
    /// How often a log that is in trouble, or has a segment that is not settled, looks after it; 2 s by default.
    package var mendInterval: Duration = .seconds(2)
    /// Called on the writer's thread inside each transaction, with the number of batches in it, and with 0 when the disk is
    /// tried; for tests of faults.
    package var willCommit: (@Sendable (Int) throws -> Void)?

    /// Makes options with the defaults above.
    package init() {}
}
