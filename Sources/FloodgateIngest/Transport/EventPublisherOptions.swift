// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How an event publisher goes about it; each default suits production.
package struct EventPublisherOptions: Sendable {
    /// Batches that are on their way at a time; 256 by default.
    package var inFlight = 256
    /// Bytes of them, beyond which no further batch is taken; 32 MiB by default.
    package var inFlightBytes = 32 << 20
    /// How long an answer waits for its batch to arrive, and after how long without success none waits any more; 8 s by
    /// default, since SDKs wait for 10.
    package var patience: Duration = .seconds(8)
    /// Pause before a batch is sent again, doubled with each failure and drawn between nothing and that; 200 ms by default.
    package var firstPause: Duration = .milliseconds(200)
    /// The longest such pause; 5 s by default, so that a new leader is noticed soon.
    package var longestPause: Duration = .seconds(5)
    /// How often the log is looked at when nobody tells of a new batch; 250 ms by default.
    package var lookInterval: Duration = .milliseconds(250)
    /// How often the mark is written while it moves; 200 ms by default.
    package var markInterval: Duration = .milliseconds(200)
    /// How often it is seen to that there is a connection, and what belongs to it; 2 s by default.
    package var checkInterval: Duration = .seconds(2)
    /// How often it is looked whether the broker still has what it acknowledged; 10 s by default, and at the next check when
    /// something failed.
    package var lossInterval: Duration = .seconds(10)

    /// Makes options with the defaults above.
    package init() {}
}

/// How far an event publisher is.
package struct EventPublisherStatus: Sendable {
    /// Up to where all batches of the log have arrived.
    package var mark: Int64
    /// Batches that are on their way.
    package var inFlight: Int
    /// Answers that wait for their batch to arrive.
    package var waiting: Int
    /// Batches that have arrived since the start.
    package var published: Int64
    /// How often the broker had lost what it acknowledged, since the start.
    package var losses: Int64
    /// Up to which segment of the log batches may have been sent twice, long apart: they may be loaded twice, and count once.
    package var resentThrough: Int64
    /// Up to where the broker holds nothing any more of what arrived there: it is loaded, or lost.
    package var settled: Int64
    /// Attempts that failed since the start, by reason.
    package var failures: [TransportError.Code: Int64]
    /// Why the last attempt failed; nil when one has succeeded since.
    package var trouble: TransportError?
}
