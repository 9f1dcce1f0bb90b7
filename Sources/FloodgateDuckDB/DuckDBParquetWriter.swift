// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
package import FloodgateWarehouse

/// `ParquetWriting` by DuckDB's program as a child that may read and write in the folder of the export only.
package final class DuckDBParquetWriter: ParquetWriting {
    private let options: DuckDBOptions
    private let child: DuckDBChild

    /// Finds the program, which is started with the first file.
    /// - Parameters:
    ///   - folder: Where sources and targets are, as an absolute path.
    ///   - program: DuckDB's program; nil looks for `duckdb` in the folders of `PATH`.
    /// - Throws: `.unavailable` if there is no program.
    package init(folder: String, program: String? = nil) throws(WarehouseError) {
        options = DuckDBOptions(folder: folder)
        child = DuckDBChild(
            program: try DuckDBProgram.find(program),
            folder: folder,
            temporary: "\(folder)/.duckdb.tmp",
            threads: 1,
            label: "export"
        )
    }

    package func write(
        _ table: WarehouseTable,
        from source: String,
        longestLine: Int,
        to target: String
    ) async throws(WarehouseError) -> Int64 {
        do throws(WarehouseError) {
            let lines = try await child.perform(
                DuckDBChild.Request(
                    statements: [
                        DuckDBSQL.write(table, from: source, longest: longestLine, to: target),
                        DuckDBSQL.count(target),
                    ],
                    time: options.loadingTime,
                    memoryBytes: options.loadingMemoryBytes
                )
            )
            for line in lines {
                if let rows = try DuckDBReaders.row(line)["n"]?.integerValue { return rows }
            }
        } catch {
            // Too slow or too large for now is nothing that is wrong with the rows.
            if error.code == .limit { throw WarehouseError(.unavailable, error.message) }
            throw error
        }
        throw WarehouseError(.unavailable, "DuckDB did not write \(target)")
    }

    /// Ends the child.
    package func shutdown() async { await child.shutdown() }
}
