// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse
internal import Logging

/// What becomes of a piece that is under way.
extension EventLoader {
    /// Tries to load the first piece.
    func loadFirst() async throws -> Step {
        guard let piece = pieces.first, let made = try await block(of: piece) else { return .moved }
        do {
            let isNew = try await warehouse.load(made)
            if piece.deadReason == nil, made.ledger.contains(where: { $0.sums.loaded > 0 }) { refusalsInARow = 0 }
            committed(piece, made, isNew: isNew)
            await log.committed(through: current.watermark.position - 1, storedAt: piece.storedAt)
            return .moved
        } catch {
            guard error.code == .rejected else { throw error }
            return try await refused(piece, error)
        }
    }

    /// The piece's block; nil if the piece had to be divided to make it.
    private func block(of piece: LoadPiece) async throws -> EventBlock? {
        if let block { return block }
        guard let draft else { return nil }
        draft.clear()
        defer { draft.clear() }
        for batch in try await batches(of: piece) {
            guard let events = piece.part(of: batch.id, count: max(batch.eventCount, 1)) else { continue }
            let isWhole = events.lowerBound == 0 && batch.id < piece.end.position
            do {
                try draft.add(batch, isWhole ? nil : events, deadReason: piece.deadReason)
            } catch let error as EventLogError where error.code == .corrupt {
                guard piece.deadReason == nil else {
                    draft.add(corrupt: batch)
                    continue
                }
                try await isolate(batch, of: piece, error)
                return nil
            }
        }
        let made = draft.finish(id: piece.block(of: options.node), day: piece.day)
        block = made
        return made
    }

    /// All batches that the piece has a part of.
    private func batches(of piece: LoadPiece) async throws -> [LoggedBatch] {
        var found: [LoggedBatch] = []
        var place = piece.start.position - 1
        while true {
            let more = try await log.read(after: place, limit: 64)
            let inside = more.prefix { piece.end > LogCursor(position: $0.id) }
            found += inside
            guard inside.count == more.count, let last = more.last else { return found }
            place = last.id
        }
    }

    /// Gives a batch that cannot be read a piece of its own.
    private func isolate(_ batch: LoggedBatch, of piece: LoadPiece, _ error: EventLogError) async throws {
        logger.error("A batch of the log cannot be read", metadata: ["error": "\(error)"])
        let start = max(piece.start, LogCursor(position: batch.id))
        let end = min(piece.end, LogCursor(behind: batch.id))
        var parts: [LoadPiece] = []
        if piece.start < start { parts.append(piece.part(from: piece.start, to: start)) }
        var dead = piece.part(from: start, to: end)
        dead.deadReason = error.code.rawValue
        parts.append(dead)
        if end < piece.end { parts.append(piece.part(from: end, to: piece.end)) }
        _ = try await replaceFirst(with: parts)
    }

    private func replaceFirst(with parts: [LoadPiece]) async throws -> Step {
        try await begin(parts + pieces.dropFirst(), nil)
    }

    /// Divides a piece that the warehouse refuses, down to the event, which becomes a dead letter.
    private func refused(_ piece: LoadPiece, _ error: WarehouseError) async throws -> Step {
        // Nothing is left to be done to a dead letter that is refused: the warehouse must change its mind.
        guard piece.deadReason == nil else {
            stuck()
            throw error
        }
        var extents: [(position: Int64, events: Range<Int>)] = []
        for batch in try await batches(of: piece) {
            guard let events = piece.part(of: batch.id, count: batch.eventCount) else { continue }
            extents.append((batch.id, events))
        }
        if let middle = Self.middle(of: extents) {
            return try await replaceFirst(
                with: [piece.part(from: piece.start, to: middle), piece.part(from: middle, to: piece.end)]
            )
        }
        triesOfPiece += 1
        guard triesOfPiece >= options.attempts else { throw error }
        guard refusalsInARow < options.refusalsInARow else {
            stuck()
            throw error
        }
        refusalsInARow += 1
        logger.error("An event is refused and becomes a dead letter", metadata: ["error": "\(error)"])
        var dead = piece
        dead.deadReason = error.code.rawValue
        return try await replaceFirst(with: [dead])
    }

    /// A place with about as many events before as behind it; nil if there are fewer than two.
    private static func middle(of extents: [(position: Int64, events: Range<Int>)]) -> LogCursor? {
        let half = extents.reduce(0) { $0 + $1.events.count } / 2
        guard half > 0 else { return nil }
        var before = 0
        for (index, extent) in extents.enumerated() {
            // Between two batches if that leaves something on both sides.
            if before >= half, index > 0 { return LogCursor(position: extent.position) }
            if index == extents.count - 1 {
                let cut = extent.events.lowerBound + max(1, half - before)
                if index > 0, before > 0, cut >= extent.events.upperBound {
                    return LogCursor(position: extent.position)
                }
                return cut < extent.events.upperBound ? LogCursor(position: extent.position, number: cut) : nil
            }
            if index > 0, before + extent.events.count > half { return LogCursor(position: extent.position) }
            before += extent.events.count
        }
        return nil
    }
}
