// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvents

/// The place of a batch in the log of the node that accepted it.
package struct BatchOrigin: Sendable, Hashable {
    /// The node.
    package var node: String
    /// The position in its log.
    package var position: Int64

    package init(node: String, position: Int64) {
        self.node = node
        self.position = position
    }
}

/// One accepted request in the event log: its events as compressed canonical JSON, and what is known around them.
package struct LoggedBatch: Sendable, Hashable {
    /// The position in the log; 0 until the batch is in it.
    package var id: Int64 = 0
    /// When the request arrived, in Unix milliseconds.
    package var receivedAt: Int64
    /// When the request was sent by the client's clock, in Unix milliseconds, if it said so: shows the clock's skew.
    package var sentAt: Int64?
    /// The environment that the SDK key opens.
    package var environment: String
    /// The kind of key: `server` or `client`.
    package var keyKind: String
    /// How many events there are.
    package var eventCount: Int
    /// How many of them are exposures.
    package var exposureCount: Int
    /// Bytes of the canonical JSON.
    package var rawSizeBytes: Int
    /// The canonical JSON, compressed with zstd.
    package var payload: [UInt8]
    /// Where the batch was accepted, if `id` is a place elsewhere; nil if it is the place in this node's log.
    package var origin: BatchOrigin?

    package init(
        id: Int64 = 0,
        receivedAt: Int64,
        sentAt: Int64? = nil,
        environment: String,
        keyKind: String,
        eventCount: Int,
        exposureCount: Int,
        rawSizeBytes: Int,
        payload: [UInt8]
    ) {
        self.id = id
        self.receivedAt = receivedAt
        self.sentAt = sentAt
        self.environment = environment
        self.keyKind = keyKind
        self.eventCount = eventCount
        self.exposureCount = exposureCount
        self.rawSizeBytes = rawSizeBytes
        self.payload = payload
    }

    /// Packs `batch` for the log.
    /// - Throws: `ZstdError` if there is no memory.
    package init(
        packing batch: EventBatch,
        receivedAt: Int64,
        sentAt: Int64? = nil,
        environment: String,
        keyKind: String
    ) throws(ZstdError) {
        let bytes = batch.bytes
        self.init(
            receivedAt: receivedAt,
            sentAt: sentAt,
            environment: environment,
            keyKind: keyKind,
            eventCount: batch.events.count,
            exposureCount: batch.events.count(where: \.isExposure),
            rawSizeBytes: bytes.count,
            payload: try Zstd.compress(bytes)
        )
    }

    /// Largest canonical JSON that is unpacked; writing it out canonically may have made it longer than it came.
    static let largestBatch = 256 << 20

    /// The events.
    /// - Throws: `EventLogError` with code `corrupt` if the payload is not what was packed.
    package func unpack() throws(EventLogError) -> EventBatch {
        do {
            var reader = EventBatchReader()
            reader.depth = 80
            reader.sizeBytes = Self.largestBatch
            reader.valueCount = .max
            let bytes = try Zstd.decompress(payload, limit: Self.largestBatch)
            return try reader.read(bytes, receivedAt: receivedAt).batch
        } catch {
            throw EventLogError(.corrupt, "Batch \(id) cannot be unpacked", cause: error)
        }
    }
}
