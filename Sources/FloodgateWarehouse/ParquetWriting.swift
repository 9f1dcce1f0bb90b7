// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Makes Parquet files out of rows, for exports.
package protocol ParquetWriting: Sendable {
    /// Turns rows of `table` as JSON Lines into a Parquet file, which may not be on the disk on return.
    ///
    /// - Parameters:
    ///   - table: Whose columns the rows have.
    ///   - source: The path of the rows.
    ///   - longestLine: At least as many bytes as the longest row has.
    ///   - target: The path of the file, which is replaced if it is there.
    /// - Returns: How many rows the file has.
    /// - Throws: `.rejected` if the rows will never do, `.unavailable` or `.full` if it may be tried again.
    func write(
        _ table: WarehouseTable,
        from source: String,
        longestLine: Int,
        to target: String
    ) async throws(WarehouseError) -> Int64
}
