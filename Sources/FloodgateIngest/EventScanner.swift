// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateEventScan
package import FloodgateEvents

/// What is known around a body that is read.
package struct ScanTerms: Sendable {
    /// Keeps ids of different environments apart; see `EventIdentity`.
    package var seed: UInt64
    /// When the request arrived, in Unix milliseconds; the time of events that have none.
    package var receivedAt: Int64
    /// The header `Idempotency-Key`: names the events that have no id of their own, each with its number.
    package var idempotencyKey: String?
    /// How much a body may hold.
    package var limits = EventBatchReader()

    package init(
        seed: UInt64,
        receivedAt: Int64,
        idempotencyKey: String? = nil,
        limits: EventBatchReader = EventBatchReader()
    ) {
        self.seed = seed
        self.receivedAt = receivedAt
        self.idempotencyKey = idempotencyKey
        self.limits = limits
    }
}

/// What a body holds, as far as accepting it goes.
package struct ScannedBatch: Sendable, Hashable {
    /// Events that can be kept.
    package var eventCount = 0
    /// Exposures among them.
    package var exposureCount = 0
    /// Those that SDKs note for themselves, `statsig::diagnostics` and `statsig::non_exposed_checks`.
    package var diagnosticsCount = 0
    /// The events that cannot, in the order that they were sent in.
    package var rejected: [RejectedEvent] = []
    /// Whether the body may be kept as it came: nothing is to be left out, and it says the same when it is read again.
    package var isClean = false
    /// The exclusive or of the first 64 bits of the good events' ids.
    package var idXor: UInt64 = 0
    /// Their sum, wrapped around.
    package var idSum: UInt64 = 0

    /// Makes the description of a batch without events.
    package init() {}
}

/// Why a body could not be looked at.
package enum EventScannerError: Error, Hashable, Sendable {
    /// There is no memory.
    case outOfMemory
}

/// Reads bodies of events at the speed of the JSON parser: checks and counts them, and names the events; for one task at a
/// time.
///
/// It takes nothing that `EventBatchReader` refuses, and finds the same in what it takes. What it does not take is that
/// reader's to decide.
package final class EventScanner {
    /// The C reader, for the rows of the warehouse.
    let reader: OpaquePointer

    /// Makes a reader, which keeps its memory from one body to the next.
    /// - Throws: `EventScannerError` if there is no memory.
    package init() throws(EventScannerError) {
        guard let reader = fg_scanner_make() else { throw .outOfMemory }
        self.reader = reader
    }

    deinit { fg_scanner_free(reader) }

    /// Reads a body.
    ///
    /// - Parameters:
    ///   - body: the body, decompressed.
    ///   - terms: what is known around it.
    /// - Returns: What it holds, or nil if `EventBatchReader` has to decide.
    /// - Throws: `EventScannerError` if there is no memory.
    package func scan(_ body: BodyBuffer, _ terms: ScanTerms) throws(EventScannerError) -> ScannedBatch? {
        guard body.count <= terms.limits.sizeBytes else { return nil }
        var summary = fg_summary()
        let key = Array((terms.idempotencyKey ?? "").utf8)
        let status = key.withUnsafeBytes { key in
            var given = fg_terms()
            given.seed = terms.seed
            given.received_at = terms.receivedAt
            given.idempotency_key = key.bindMemory(to: CChar.self).baseAddress
            given.idempotency_key_size = key.count
            given.depth = UInt32(clamping: terms.limits.depth)
            given.values = UInt64(clamping: terms.limits.valueCount)
            return fg_scan(reader, body.start, body.count, &given, &summary)
        }
        switch status {
        case FG_READ: break
        case FG_NEEDS_CARE: return nil
        default: throw .outOfMemory
        }
        var batch = ScannedBatch()
        batch.eventCount = Int(summary.events)
        batch.exposureCount = Int(summary.exposures)
        batch.diagnosticsCount = Int(summary.diagnostics)
        batch.isClean = summary.is_clean != 0
        batch.idXor = summary.id_xor
        batch.idSum = summary.id_sum
        let codes = RejectedEvent.Code.allCases
        batch.rejected = UnsafeBufferPointer(start: summary.rejections, count: Int(summary.rejection_count)).map {
            RejectedEvent(index: Int($0.number), code: codes[min(Int($0.code), codes.count - 1)])
        }
        return batch
    }
}
