// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import FloodgateWarehouse

/// Where DuckDB's program is.
enum DuckDBProgram {
    static let name = "duckdb"

    /// The program at `path`, or on `PATH` if that is nil.
    /// - Throws: `.unavailable` if there is none, with what to do about it.
    static func find(_ path: String?) throws(WarehouseError) -> String {
        if let path {
            guard isProgram(path) else {
                throw WarehouseError(.unavailable, "\(path) is not DuckDB's program: \(remedy)")
            }
            return path
        }
        for folder in (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") {
            let candidate = "\(folder)/\(name)"
            if isProgram(candidate) { return candidate }
        }
        throw WarehouseError(.unavailable, "there is no DuckDB on PATH: \(remedy)")
    }

    private static let remedy = """
        install it with 'pip install duckdb-cli' or from https://duckdb.org/install, and give its path as FLOODGATE_DUCKDB
        """

    private static func isProgram(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        return isThere && !isFolder.boolValue && FileManager.default.isExecutableFile(atPath: path)
    }
}
