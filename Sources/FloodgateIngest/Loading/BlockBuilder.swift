// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateEventScan
internal import FloodgateEvents
package import FloodgateWarehouse

/// Makes rows for the warehouse out of logged batches; for one task at a time.
///
/// Batches are added in the log's order; `finish` gives the block, `clear` begins the next one.
package final class BlockBuilder {
    private let node: [UInt8]
    private let form: RowForm
    private let body = BodyBuffer()
    private let scanner: EventScanner
    private let block: OpaquePointer

    /// Makes a builder without rows.
    /// - Parameters:
    ///   - node: the name of the node that accepted batches which name none.
    ///   - form: how rows are written.
    /// - Throws: `EventScannerError` if there is no memory.
    package init(node: String, form: RowForm = .lines) throws(EventScannerError) {
        self.node = Array(node.utf8)
        self.form = form
        scanner = try EventScanner()
        guard let block = fg_block_make(form == .packed ? FG_PACKED : FG_LINES) else { throw .outOfMemory }
        self.block = block
    }

    deinit { fg_block_free(block) }

    /// Rows that were made since the start, or since `clear`.
    package var rowCount: Int {
        WarehouseTable.allCases.reduce(0) { $0 + Int(clamping: fg_block_rows(block, $1.number).rows) }
    }

    /// Bytes of these rows.
    package var sizeBytes: Int {
        WarehouseTable.allCases.reduce(0) { $0 + fg_block_rows(block, $1.number).size }
    }

    /// Adds the rows of a batch, or nothing if it throws.
    ///
    /// - Parameters:
    ///   - batch: the batch as it stands in the log.
    ///   - events: the numbers of the events to take; nil takes all.
    ///   - deadReason: if not nil, the events become dead letters for this reason.
    /// - Returns: What became of the events; one whose id is in the block already is a duplicate.
    /// - Throws: `EventLogError` with code `corrupt` if the batch is none, `EventScannerError` if there is no memory.
    @discardableResult
    package func add(_ batch: LoggedBatch, events: Range<Int>? = nil, deadReason: String? = nil) throws -> LedgerSums {
        try batch.plain(into: body)
        if let sums = try add(batch, events, deadReason) { return sums }
        // Kept by an older server, or longer ago than this reader: written anew, it says the same in plainer words.
        try body.fill(batch.unpack().bytes)
        if let sums = try add(batch, events, deadReason) { return sums }
        throw EventLogError(.corrupt, "Batch \(batch.id) cannot be made into rows")
    }

    /// Has hashed names of gates and configs replaced in rows that are made from now on.
    ///
    /// - Parameters:
    ///   - hash: the name as client SDKs know it.
    ///   - name: what it stands for.
    /// - Throws: `EventScannerError` if there is no memory.
    package func rename(hash: String, to name: String) throws(EventScannerError) {
        let (hash, name) = (Array(hash.utf8), Array(name.utf8))
        let status = hash.withUnsafeBytes { hash in
            name.withUnsafeBytes { name in
                fg_block_rename(
                    block,
                    hash.bindMemory(to: CChar.self).baseAddress,
                    hash.count,
                    name.bindMemory(to: CChar.self).baseAddress,
                    name.count
                )
            }
        }
        guard status == FG_READ else { throw .outOfMemory }
    }

    /// Forgets all names that were given.
    package func forgetNames() { fg_block_forget_names(block) }

    /// The block of all rows since the start, or since `clear`.
    ///
    /// - Parameters:
    ///   - id: names the stretch of the log.
    ///   - day: the day that all batches arrived on.
    ///   - ledger: where the rows come from.
    /// - Returns: The rows, which the builder keeps until `clear`.
    package func finish(id: String, day: ArrivalDay, ledger: [LedgerEntry]) -> EventBlock {
        var rows: [WarehouseTable: [UInt8]] = [:]
        var counts: [WarehouseTable: Int] = [:]
        for table in WarehouseTable.allCases {
            let made = fg_block_rows(block, table.number)
            rows[table] = Array(UnsafeBufferPointer(start: made.bytes, count: made.size))
            counts[table] = Int(clamping: made.rows)
        }
        return EventBlock(id: id, day: day, form: form, rows: rows, counts: counts, ledger: ledger)
    }

    /// Forgets rows and ids and keeps the memory and the names.
    package func clear() { fg_block_clear(block) }

    private func add(
        _ batch: LoggedBatch,
        _ events: Range<Int>?,
        _ deadReason: String?
    ) throws(EventScannerError) -> LedgerSums? {
        let texts = [
            Array((batch.idempotencyKey ?? "").utf8), Array(batch.environment.utf8), Array(batch.keyKind.utf8),
            batch.origin.map { Array($0.node.utf8) } ?? node,
            Array((deadReason ?? "").utf8),
        ]
        // One after the other with a zero behind each, so that one pointer serves for all.
        let joined = Array(texts.map { $0 + [0] }.joined())
        var made = fg_sums()
        let status = joined.withUnsafeBytes { bytes in
            var terms = fg_batch_terms()
            let start = bytes.bindMemory(to: CChar.self).baseAddress
            var place = 0
            func next(_ index: Int) -> (UnsafePointer<CChar>?, Int) {
                defer { place += texts[index].count + 1 }
                return (start.map { $0 + place }, texts[index].count)
            }
            (terms.terms.idempotency_key, terms.terms.idempotency_key_size) = next(0)
            (terms.environment, terms.environment_size) = next(1)
            (terms.key_kind, terms.key_kind_size) = next(2)
            (terms.node, terms.node_size) = next(3)
            let reason = next(4)
            if deadReason != nil { (terms.dead_reason, terms.dead_reason_size) = reason }
            terms.terms.seed = EventIdentity.seed(environment: batch.environment)
            terms.terms.received_at = batch.receivedAt
            terms.terms.depth = UInt32(LoggedBatch.depth)
            terms.terms.values = .max
            terms.sent_at = batch.sentAt ?? 0
            terms.has_sent_at = batch.sentAt == nil ? 0 : 1
            terms.position = batch.logPosition
            terms.first = UInt32(clamping: events?.lowerBound ?? 0)
            terms.end = UInt32(clamping: events?.upperBound ?? .max)
            return fg_block_add(block, scanner.reader, body.start, body.count, &terms, &made)
        }
        switch status {
        case FG_READ: break
        case FG_NEEDS_CARE: return nil
        default: throw .outOfMemory
        }
        var sums = LedgerSums()
        sums.batches = (events?.lowerBound ?? 0) == 0 ? 1 : 0
        sums.accepted = Int64(clamping: made.accepted)
        sums.loaded = Int64(clamping: made.loaded)
        sums.duplicate = Int64(clamping: made.duplicate)
        sums.dead = Int64(clamping: made.dead)
        sums.idXor = made.id_xor
        sums.idSum = made.id_sum
        return sums
    }
}

extension WarehouseTable {
    fileprivate var number: fg_table {
        switch self {
        case .exposures: FG_EXPOSURES
        case .events: FG_EVENTS
        case .deadLetters: FG_DEAD_LETTERS
        }
    }
}
