// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

/// Which document a client answers from, and how far it may lag behind its source.
public struct SpecsStatus: Sendable, Hashable {
    /// Where the document came from, or why there is none.
    public var source: SpecSource
    /// When the document last changed, in Unix milliseconds; nil without one.
    public var time: UInt64?
    /// The document's checksum, if it has one.
    public var checksum: String?
    /// When the document was received, in Unix milliseconds; for one from the cache folder, when it came there.
    public var receivedAt: Int64?
    /// When the server, or the data store, last gave the document or said that there is none newer, in Unix milliseconds;
    /// nil if neither has since the client was initialised.
    public var confirmedAt: Int64?
    /// For how long nobody has said that the document is the newest.
    ///
    /// Counts from `confirmedAt`, else from `receivedAt`, and rises while servers cannot be reached; nil without a document.
    public var age: Duration?
    /// Whether changes come over a stream at the moment.
    public var isStreaming = false

    init(
        source: SpecSource,
        time: UInt64?,
        checksum: String?,
        receivedAt: Int64?,
        confirmedAt: Int64?,
        now: Int64
    ) {
        self.source = source
        self.time = time
        self.checksum = checksum
        self.receivedAt = receivedAt
        self.confirmedAt = confirmedAt
        self.age = (confirmedAt ?? receivedAt).map { .milliseconds(max(0, now &- $0)) }
    }
}

extension EvaluationDetails {
    /// How long ago the document behind this evaluation was received, at `now` in Unix milliseconds; nil without specs.
    ///
    /// `FloodgateClient.specsStatus` tells how long ago somebody last said that it is still the newest.
    public func age(at now: Int64) -> Duration? { receivedAt.map { .milliseconds(max(0, now &- $0)) } }

    /// How long ago the document behind this evaluation was received, by the machine's clock; nil without specs.
    public var age: Duration? { age(at: Timing.system.wall()) }
}
