// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import FloodgateWarehouse

/// A block that is being made of batches, with its ledger; for one task at a time.
final class BlockDraft {
    private struct Key: Hashable {
        var node: String
        var segment: Int64
        var environment: String
        var minute: Int64
    }

    private let node: String
    private let builder: BlockBuilder
    private var ledger: [Key: LedgerSums] = [:]
    private var order: [Key] = []
    /// Rows about batches that cannot be read.
    private var corrupt: [JSONObject] = []

    /// Makes an empty draft.
    /// - Throws: `EventScannerError` if there is no memory.
    init(node: String, form: RowForm = .lines) throws(EventScannerError) {
        self.node = node
        builder = try BlockBuilder(node: node, form: form)
    }

    var rowCount: Int { builder.rowCount + corrupt.count }
    var sizeBytes: Int { builder.sizeBytes }

    /// Has names that client SDKs only know hashed written out from now on.
    /// - Throws: `EventScannerError` if there is no memory.
    func rename(_ names: [String: String]) throws {
        builder.forgetNames()
        for (hash, name) in names { try builder.rename(hash: hash, to: name) }
    }

    /// Adds events of a batch; adds nothing if it throws.
    /// - Throws: `EventLogError` with code `corrupt` if the batch is none, `EventScannerError` if there is no memory.
    func add(_ batch: LoggedBatch, _ events: Range<Int>? = nil, deadReason: String? = nil) throws {
        note(try builder.add(batch, events: events, deadReason: deadReason), of: batch)
    }

    /// Adds a batch that cannot be read as one dead letter that says where it is.
    func add(corrupt batch: LoggedBatch) {
        var row = JSONObject()
        let place: JSONObject = ["batch": .integer(batch.logPosition), "events": .integer(batch.eventCount)]
        var writer = JSONWriter()
        writer.write(.object(place))
        for column in WarehouseTable.deadLetters.columns {
            switch column.name {
            // Not an event's id: those are hashes.
            case "id": row.set(column.name, .string(Self.id(batch.logPosition)))
            case "environment": row.set(column.name, .string(batch.environment))
            case "received_at": row.set(column.name, .integer(batch.receivedAt))
            case "node": row.set(column.name, .string(batch.origin?.node ?? node))
            case "position": row.set(column.name, .integer(batch.logPosition))
            case "key_kind": row.set(column.name, .string(batch.keyKind))
            case "reason": row.set(column.name, .string(EventLogError.Code.corrupt.rawValue))
            case "event": row.set(column.name, .string(String(decoding: writer.bytes, as: UTF8.self)))
            default: row.set(column.name, 0)
            }
        }
        corrupt.append(row)
        var sums = LedgerSums()
        sums.batches = 1
        sums.accepted = Int64(batch.eventCount)
        sums.dead = sums.accepted
        sums.idXor = batch.idXor ?? 0
        sums.idSum = batch.idSum ?? 0
        note(sums, of: batch)
    }

    private func note(_ sums: LedgerSums, of batch: LoggedBatch) {
        let remainder = batch.receivedAt % 60_000
        let minute = batch.receivedAt &- (remainder < 0 ? remainder + 60_000 : remainder)
        let key = Key(
            node: batch.origin?.node ?? node,
            segment: batch.logPosition >> 32,
            environment: batch.environment,
            minute: minute
        )
        if ledger[key] == nil { order.append(key) }
        ledger[key, default: LedgerSums()].add(sums)
    }

    /// The block of all that was added since `clear`.
    func finish(id: String, day: ArrivalDay) -> EventBlock {
        let entries = order.map { key in
            LedgerEntry(
                block: id,
                node: key.node,
                segment: key.segment,
                environment: key.environment,
                minute: key.minute,
                sums: ledger[key] ?? LedgerSums()
            )
        }
        var block = builder.finish(id: id, day: day, ledger: entries)
        for row in corrupt {
            let bytes = block.form == .packed ? WarehouseTable.deadLetters.packed(row) : row.line
            guard let bytes else { continue }
            block.rows[.deadLetters, default: []] += bytes
            block.counts[.deadLetters, default: 0] += 1
        }
        return block
    }

    func clear() {
        builder.clear()
        ledger = [:]
        order = []
        corrupt = []
    }

    private static func id(_ position: Int64) -> String {
        let digits = String(UInt64(bitPattern: position), radix: 16)
        let word = String(repeating: "0", count: 16 - digits.count) + digits
        return "00000000-0000-0000-\(word.prefix(4))-\(word.dropFirst(4))"
    }
}

extension JSONObject {
    fileprivate var line: [UInt8] {
        var writer = JSONWriter()
        writer.write(.object(self))
        return writer.bytes + [0x0A]
    }
}
