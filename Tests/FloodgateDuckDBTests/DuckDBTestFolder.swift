// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import Foundation

/// A folder of a test's own, gone when the test is.
final class DuckDBTestFolder: Sendable {
    let path = FileManager.default.temporaryDirectory.path + "/floodgate-duckdb-" + UUID().uuidString

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// DuckDB's program: what the environment names, else what `.venv` has.
    static let program: String? = {
        if let path = ProcessInfo.processInfo.environment["FLOODGATE_DUCKDB"] { return path }
        let libraries = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(".venv/lib").path
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: libraries)) ?? []
        return versions.map { "\(libraries)/\($0)/site-packages/duckdb_cli/duckdb" }
            .first(where: FileManager.default.fileExists)
    }()

    /// A warehouse in the folder.
    func open(_ change: (inout DuckDBOptions) -> Void = { _ in }) -> DuckDBWarehouse {
        var options = DuckDBOptions(folder: path)
        options.program = Self.program
        change(&options)
        return DuckDBWarehouse(options)
    }

    /// The Parquet files that are there, as paths.
    var files: [String] {
        let all = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return all.filter { $0.hasSuffix(".parquet") && $0.contains("day=") }.sorted().map { "\(path)/\($0)" }
    }
}
