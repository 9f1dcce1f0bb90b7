// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvents

/// A request's events, checked and packed for the log.
package struct PackedBatch: Sendable, Hashable {
    /// What the log is to keep.
    package var logged: LoggedBatch
    /// The events that are left out, in the order that they were sent in.
    package var rejected: [RejectedEvent]
    /// Whether there is nothing but what SDKs note for themselves.
    package var isDiagnostics: Bool
}

/// Checks bodies and packs them for the log, as they came wherever that will do; for one task at a time.
///
/// It keeps its memory from one request to the next.
package final class BatchPacker {
    private let body = BodyBuffer()
    private let scanner: EventScanner

    /// Makes a packer.
    /// - Throws: `EventScannerError` if there is no memory.
    package init() throws(EventScannerError) { scanner = try EventScanner() }

    /// Unpacks, checks and packs the events of `request`.
    /// - Throws: `EventBatchError` if there is no list of events, `ZstdError` or `EventScannerError` if there is no memory;
    ///   what is wrong with the compression, as the intake answers it.
    package func pack(_ request: IntakeRequest, limits: IntakeLimits) throws -> PackedBatch {
        let limit = request.isFromEdge ? LoggedBatch.largestBatch : limits.decompressedSizeBytes
        let encoding = try IntakeDecompression(limit: limit).unpack(request, into: body)
        var terms = terms(of: request, limits, sizeBytes: limit)
        if let packed = try packAsItCame(request, encoding, terms) { return packed }

        // Written anew without what is not to be kept, in plainer words.
        let read = try terms.limits.read(body.bytes, receivedAt: request.receivedAt)
        body.fill(read.batch.bytes)
        terms.limits.depth = LoggedBatch.depth
        terms.limits.sizeBytes = LoggedBatch.largestBatch
        terms.limits.valueCount = .max
        guard let scanned = try scanner.scan(body, terms) else {
            throw EventBatchError(.notJSON, "The body is not JSON that can be kept; send plainer events")
        }
        var packed = pack(scanned, request, try Zstd.compress(body.bytes))
        packed.rejected = read.rejected
        return packed
    }

    /// Does as `pack` for bodies of at most `limits.promptSizeBytes` that may be kept as they came; nil for all others.
    /// - Throws: what `pack` throws.
    package func packClean(_ request: IntakeRequest, limits: IntakeLimits) throws -> PackedBatch? {
        let limit = min(limits.promptSizeBytes, limits.decompressedSizeBytes)
        if let size = BodyBuffer.statedSize(of: request.body), size > limit { return nil }
        let encoding = try IntakeDecompression(limit: limit).unpack(request, into: body)
        return try packAsItCame(request, encoding, terms(of: request, limits, sizeBytes: limit))
    }

    private func terms(of request: IntakeRequest, _ limits: IntakeLimits, sizeBytes: Int) -> ScanTerms {
        var reader = EventBatchReader()
        reader.depth = request.isFromEdge ? LoggedBatch.depth : limits.depth
        reader.sizeBytes = sizeBytes
        reader.valueCount = request.isFromEdge ? .max : limits.valueCount
        return ScanTerms(
            seed: EventIdentity.seed(environment: request.environment),
            receivedAt: request.receivedAt,
            idempotencyKey: request.idempotencyKey,
            limits: reader
        )
    }

    /// Nil if something is out of the ordinary.
    private func packAsItCame(
        _ request: IntakeRequest,
        _ encoding: IntakeDecompression.Encoding,
        _ terms: ScanTerms
    ) throws -> PackedBatch? {
        guard let scanned = try scanner.scan(body, terms), scanned.isClean else { return nil }
        return pack(scanned, request, try payload(request, encoding))
    }

    /// The body as it came, if its first bytes tell how it is compressed.
    private func payload(
        _ request: IntakeRequest,
        _ encoding: IntakeDecompression.Encoding
    ) throws(ZstdError) -> [UInt8] {
        switch encoding {
        case .gzip where request.body.starts(with: LoggedBatch.gzipMagic): request.body
        case .zstd where request.body.starts(with: LoggedBatch.zstdMagic): request.body
        default: try Zstd.compress(body.bytes)
        }
    }

    private func pack(_ scanned: ScannedBatch, _ request: IntakeRequest, _ payload: [UInt8]) -> PackedBatch {
        let logged = LoggedBatch(
            receivedAt: request.receivedAt,
            sentAt: request.sentAt,
            environment: request.environment,
            keyKind: request.keyKind,
            idempotencyKey: request.idempotencyKey,
            eventCount: scanned.eventCount,
            exposureCount: scanned.exposureCount,
            rawSizeBytes: body.count,
            idXor: scanned.idXor,
            idSum: scanned.idSum,
            payload: payload
        )
        return PackedBatch(
            logged: logged,
            rejected: scanned.rejected,
            isDiagnostics: scanned.diagnosticsCount == scanned.eventCount
        )
    }
}
