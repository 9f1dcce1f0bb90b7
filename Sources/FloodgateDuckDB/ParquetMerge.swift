// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateParquet
internal import Dispatch
package import FloodgateWarehouse
internal import Foundation

/// Makes one Parquet file of others that this program wrote, in their order; costs a quarter of what DuckDB takes for it.
struct ParquetMerge: Sendable {
    var table: WarehouseTable
    /// The files whose rows are taken.
    var sources: [Source]
    /// Files whose events are left out.
    var others: [Source] = []
    /// Rows that are left out, by their numbers among those of `sources`.
    var without: [Int64] = []
    /// Whether of an event that is there twice only the first stays.
    var isOnce = true

    /// A file, and how many rows it has to have.
    struct Source: Sendable {
        var path: String
        var rows: Int64
    }

    // It takes a second of a core, and others wait for the threads of tasks.
    private static let queue = DispatchQueue(label: "floodgate.duckdb.merging")

    /// Writes the file at `path`, without waiting for the disk.
    /// - Returns: How many rows it has; nil if a file is another program's, or damaged, or there is no memory for the rows.
    /// - Throws: `.unavailable` or `.full` if it cannot be written.
    func write(to path: String, in folder: DuckDBFolder) async throws(WarehouseError) -> Int64? {
        let result = await withCheckedContinuation { continuation in
            Self.queue.async {
                continuation.resume(
                    returning: Result { () throws(WarehouseError) in
                        try folder.writing(to: path) { descriptor throws(WarehouseError) in try write(descriptor) }
                    }
                )
            }
        }
        return try result.get()
    }

    private func write(_ descriptor: Int32) throws(WarehouseError) -> Int64? {
        guard let file = fg_parquet_make() else { return nil }
        defer { fg_parquet_free(file) }
        var status = file.add(columnsOf: table, isMerged: isOnce)
        func step(_ next: () -> fg_parquet_status) {
            if status == FG_PARQUET_OK { status = next() }
        }
        for source in sources { step { fg_parquet_add_file(file, source.path, UInt64(clamping: source.rows)) } }
        for other in others { step { fg_parquet_leave_out_file(file, other.path, UInt64(clamping: other.rows)) } }
        for row in without { step { fg_parquet_leave_out(file, UInt64(clamping: row)) } }
        step { fg_parquet_merge(file, descriptor) }
        switch status {
        case FG_PARQUET_OK: return Int64(clamping: fg_parquet_rows(file))
        case FG_PARQUET_NOT_WRITTEN: throw DuckDBFolder.error("a merged file cannot be written")
        // A child of DuckDB's has memory of its own.
        default: return nil
        }
    }
}

extension WarehouseTable {
    /// The columns that say which event a row is about.
    static let identity = ["environment", "id"]
    /// The columns that tell which of two rows of an event came first.
    static let age = ["received_at", "position", "number"]
}

extension DuckDBWarehouse {
    /// Merges the files at `sources` into one at `path`; for tests.
    /// - Parameters:
    ///   - table: Which.
    ///   - sources: Their paths and how many rows they have.
    ///   - path: Where the merged file is made.
    /// - Returns: How many rows it has; nil if one of them is another program's, or damaged, or too large.
    /// - Throws: `.unavailable` or `.full` if it cannot be written.
    package nonisolated func merge(
        _ table: WarehouseTable,
        _ sources: [(path: String, rows: Int64)],
        into path: String
    ) async throws(WarehouseError) -> Int64? {
        let sources = sources.map { ParquetMerge.Source(path: $0.path, rows: $0.rows) }
        return try await ParquetMerge(table: table, sources: sources).write(to: path, in: folder)
    }
}
