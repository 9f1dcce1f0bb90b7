// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateIngest
internal import Foundation
internal import GRDB

/// Reads what can be read of a damaged segment: every row that the damage has not hit.
///
/// A damaged page takes the rows in it with it, which have neighbouring numbers; what lies behind is found by bisection.
struct EventSegmentSalvage {
    let db: Database
    let head: EventSegmentSchema.Head

    /// Up to `limit` batches behind `row` in rising order, passing over those that cannot be read.
    /// - Throws: What the database says if the tables themselves cannot be found.
    func batches(after row: Int64, limit: Int) throws -> [LoggedBatch] {
        // Not a row of it can be had without this, and the error says why.
        _ = try db.makeStatement(sql: "SELECT id FROM batch")
        var batches: [LoggedBatch] = []
        var last = row
        while batches.count < limit, let next = readableRow(after: last) {
            last = next
            if let batch = batch(next) { batches.append(batch) }
        }
        return batches
    }

    /// The number of the first row behind `row` that the tree leads to; nil if there is none.
    private func readableRow(after row: Int64) -> Int64? {
        if case .found(let next) = seek(after: row) { return next }
        guard case .damaged = seek(after: row) else { return nil }
        // The damage ends somewhere between a place where the tree breaks off and one where it does not.
        var (broken, step) = (row, Int64(1))
        while case .damaged = seek(after: row + step) {
            broken = row + step
            guard step < Int64(UInt32.max) else { return nil }
            step *= 2
        }
        var whole = row + step
        while whole - broken > 1 {
            let middle = broken + (whole - broken) / 2
            if case .damaged = seek(after: middle) { broken = middle } else { whole = middle }
        }
        if case .found(let next) = seek(after: whole) { return next }
        return nil
    }

    private enum Place {
        case found(Int64)
        case end
        case damaged
    }

    private func seek(after row: Int64) -> Place {
        do {
            // Not `id > ?`, which would have SQLite look at the page of `row` as well.
            let sql = "SELECT id FROM batch WHERE id >= ? ORDER BY id LIMIT 1"
            guard let next = try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [row + 1]) else { return .end }
            // A damaged tree may lead back, and then it would lead there again and again.
            return row < next && next <= Int64(UInt32.max) ? .found(next) : .damaged
        } catch {
            return .damaged
        }
    }

    /// The batch with the number `row`, if its content is whole.
    private func batch(_ row: Int64) -> LoggedBatch? {
        guard
            let batch = try? EventSegmentSchema.batches(db, head, from: row, limit: 1).first,
            batch.id == EventSegmentSchema.position(segment: head.number, row: row), isWhole(batch)
        else { return nil }
        return batch
    }

    /// Whether the payload is what was packed; SQLite does not notice a changed bit in a row.
    private func isWhole(_ batch: LoggedBatch) -> Bool {
        guard 0...Self.largestPayload ~= batch.rawSizeBytes else { return false }
        return (try? batch.plain())?.count == batch.rawSizeBytes
    }

    /// Bytes that a batch can have at most, unpacked.
    private static let largestPayload = 256 << 20
}

/// How much of a damaged segment is in the log again.
package struct SQLiteEventLogSalvage: Sendable, Hashable {
    /// The segment that has the rows now; nil if there was none to be read.
    package var segment: Int64?
    /// Batches that could be read.
    package var batches: Int64 = 0
    /// Events in them.
    package var events: Int64 = 0
    /// Events that the segment had beyond these; nil if nothing says how many.
    package var lostEvents: Int64?
}
