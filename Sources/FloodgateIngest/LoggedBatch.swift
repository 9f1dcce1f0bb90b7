// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvents

/// The place of a batch in the log of the node that accepted it.
package struct BatchOrigin: Sendable, Hashable {
    /// The node.
    package var node: String
    /// The position in its log.
    package var position: Int64
    /// When the broker took it in, by its clock, in Unix milliseconds; nil if that is not known.
    package var storedAt: Int64?

    package init(node: String, position: Int64, storedAt: Int64? = nil) {
        self.node = node
        self.position = position
        self.storedAt = storedAt
    }
}

/// One accepted request in the event log: its events as compressed JSON, and what is known around them.
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
    /// The request's header `Idempotency-Key`, which the ids of its events are made of.
    package var idempotencyKey: String?
    /// How many events there are.
    package var eventCount: Int
    /// How many of them are exposures.
    package var exposureCount: Int
    /// Bytes of the JSON.
    package var rawSizeBytes: Int
    /// The exclusive or of the first 64 bits of the events' ids; nil in a log of before there were ids.
    package var idXor: UInt64?
    /// Their sum, wrapped around.
    package var idSum: UInt64?
    /// The JSON, compressed with zstd or gzip as its first bytes tell: canonical, or as it came where nothing had to be left
    /// out of it.
    package var payload: [UInt8]
    /// Where the batch was accepted, if `id` is a place elsewhere; nil if it is the place in this node's log.
    package var origin: BatchOrigin?

    package init(
        id: Int64 = 0,
        receivedAt: Int64,
        sentAt: Int64? = nil,
        environment: String,
        keyKind: String,
        idempotencyKey: String? = nil,
        eventCount: Int,
        exposureCount: Int,
        rawSizeBytes: Int,
        idXor: UInt64? = nil,
        idSum: UInt64? = nil,
        payload: [UInt8]
    ) {
        self.id = id
        self.receivedAt = receivedAt
        self.sentAt = sentAt
        self.environment = environment
        self.keyKind = keyKind
        self.idempotencyKey = idempotencyKey
        self.eventCount = eventCount
        self.exposureCount = exposureCount
        self.rawSizeBytes = rawSizeBytes
        self.idXor = idXor
        self.idSum = idSum
        self.payload = payload
    }

    /// The position in the log of the node that accepted the batch.
    package var logPosition: Int64 { origin?.position ?? id }

    /// The batch as the log's side of the ledger counts it.
    package var sums: LoggedSums {
        LoggedSums(batches: 1, events: Int64(eventCount), idXor: idXor, idSum: idSum)
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

    /// Largest JSON that is unpacked; writing it out canonically may have made it longer than it came.
    static let largestBatch = 256 << 20

    /// Arrays and objects inside each other that a batch may have; a few more than clients may send, as events that had no
    /// user of their own were given one.
    static let depth = 80

    static let gzipMagic: [UInt8] = [0x1F, 0x8B]
    static let zstdMagic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

    /// How the payload is compressed, as HTTP calls it.
    package var encoding: String { payload.starts(with: Self.gzipMagic) ? "gzip" : "zstd" }

    /// The events as JSON.
    /// - Throws: `EventLogError` with code `corrupt` if the payload is not what was packed.
    package func plain() throws(EventLogError) -> [UInt8] {
        let body = BodyBuffer()
        try plain(into: body)
        return body.bytes
    }

    /// Makes the events as JSON the content of `body`.
    /// - Throws: `EventLogError` with code `corrupt` if the payload is not what was packed.
    package func plain(into body: BodyBuffer) throws(EventLogError) {
        do {
            if payload.starts(with: Self.gzipMagic) {
                try body.fill(gunzipping: payload, limit: Self.largestBatch)
            } else {
                body.fill(try Zstd.decompress(payload, limit: Self.largestBatch))
            }
        } catch {
            throw EventLogError(.corrupt, "Batch \(id) cannot be unpacked", cause: error)
        }
    }

    /// The events.
    /// - Throws: `EventLogError` with code `corrupt` if the payload is not what was packed.
    package func unpack() throws(EventLogError) -> EventBatch {
        var reader = EventBatchReader()
        reader.depth = Self.depth
        reader.sizeBytes = Self.largestBatch
        reader.valueCount = .max
        do {
            return try reader.read(try plain(), receivedAt: receivedAt).batch
        } catch let error as EventLogError {
            throw error
        } catch {
            throw EventLogError(.corrupt, "Batch \(id) cannot be unpacked", cause: error)
        }
    }
}
