// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateGzip
internal import FloodgateWarehouse
internal import Logging

/// How the files of a piece come about.
extension EventExporter {
    /// The rows of one table, on their way into their file.
    private struct Draft {
        var table: WarehouseTable
        /// Where the rows are gathered.
        var path: String
        var rows: Int64 = 0
        var longestLine = 0
    }

    /// Where files are made; each node's own.
    private var incoming: String { "\(settings.folder)/.incoming/\(ExportPiece.word(options.node))" }

    /// Makes the folder, and removes what a crash left in it.
    func clearIncoming() throws {
        try volume.make(folder: incoming)
        for table in WarehouseTable.allCases {
            for suffix in ["rows", "file"] { try volume.remove("\(incoming)/\(table.rawValue).\(suffix)") }
        }
    }

    /// Writes all files of `piece`, whichever of them are there already; on return they are on the disk.
    /// - Throws: `CancellationError` if the task is cancelled, or why it failed; then the piece is to be written again.
    func write(_ piece: ExportPiece) async throws {
        var drafts: [WarehouseTable: Draft] = [:]
        for table in WarehouseTable.allCases {
            let path = "\(incoming)/\(table.rawValue).rows"
            try volume.remove(path)
            drafts[table] = Draft(table: table, path: path)
        }
        draft.clear()
        defer { draft.clear() }
        var place = position
        reading: while place < piece.last {
            let batches = try await read(after: place)
            guard let last = batches.last else { break }
            for batch in batches {
                try Task.checkCancellation()
                guard batch.id <= piece.last else { break reading }
                try add(batch)
                if draft.sizeBytes >= options.chunkBytes { try flush(&drafts, piece) }
            }
            place = last.id
        }
        try flush(&drafts, piece)
        for table in WarehouseTable.allCases {
            if let draft = drafts[table], draft.rows > 0 { try await finish(draft, of: piece) }
        }
    }

    private func add(_ batch: LoggedBatch) throws {
        do {
            try draft.add(batch)
        } catch let error as EventLogError where error.code == .corrupt {
            logger.error("A batch of the log cannot be read", metadata: ["error": "\(error)"])
            draft.add(corrupt: batch)
        }
    }

    /// Moves the rows that were made from memory to the drafts.
    private func flush(_ drafts: inout [WarehouseTable: Draft], _ piece: ExportPiece) throws {
        guard draft.rowCount > 0 else { return }
        let block = draft.finish(id: "", day: piece.hour.day)
        draft.clear()
        for (table, rows) in block.rows where !rows.isEmpty {
            // Members and frames one after the other are one file in both formats.
            let bytes =
                switch settings.format {
                case .ndjson: try Gzip.compress(rows, level: Self.gzipLevel)
                case .ndjsonZstd: try Zstd.compress(rows)
                case .parquet: rows
                }
            guard var draft = drafts[table] else { continue }
            try volume.append(bytes, to: draft.path)
            draft.rows += Int64(clamping: block.counts[table] ?? 0)
            if settings.format == .parquet { draft.longestLine = max(draft.longestLine, Self.longestLine(rows)) }
            drafts[table] = draft
        }
    }

    /// Gives the rows of a table their place.
    private func finish(_ draft: Draft, of piece: ExportPiece) async throws {
        let (path, suffix) =
            settings.format == .parquet ? try await convert(draft) : (draft.path, settings.format.suffix)
        let folder = "\(settings.folder)/\(piece.hour.folder(of: draft.table))"
        try volume.sync(path)
        try volume.make(folder: folder)
        try volume.move(path, to: "\(folder)/\(piece.name(of: options.node)).\(suffix)")
        try volume.sync(folder)
        current.files += 1
        current.rows += draft.rows
    }

    /// Makes a Parquet file of the rows, or leaves them as they are if they do not fit into one.
    private func convert(_ draft: Draft) async throws -> (path: String, suffix: String) {
        guard let parquet else { throw WarehouseError(.unavailable, "there is nothing that makes Parquet files") }
        let target = "\(incoming)/\(draft.table.rawValue).file"
        try volume.remove(target)
        do throws(WarehouseError) {
            let rows = try await parquet.write(
                draft.table,
                from: draft.path,
                longestLine: draft.longestLine,
                to: target
            )
            guard rows == draft.rows else {
                throw WarehouseError(.failed, "\(draft.rows) rows became \(rows) in \(target)")
            }
        } catch {
            guard error.code == .rejected else { throw error }
            // They would be refused for ever, and the log could not be trimmed.
            logger.error(
                "Rows are exported as JSON since they do not fit into Parquet",
                metadata: ["error": "\(error)"]
            )
            return (draft.path, "ndjson")
        }
        try volume.remove(draft.path)
        return (target, settings.format.suffix)
    }

    /// Fast, since the files are compressed as fast as events come.
    private static let gzipLevel = 1

    private static func longestLine(_ rows: [UInt8]) -> Int {
        rows.withUnsafeBufferPointer { bytes in
            var (longest, start) = (0, 0)
            for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
                longest = max(longest, index + 1 - start)
                start = index + 1
            }
            return max(longest, bytes.count - start)
        }
    }
}
