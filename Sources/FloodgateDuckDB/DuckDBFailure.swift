// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse

/// What DuckDB says about failures, as errors of ours.
enum DuckDBFailure {
    /// The error that `text` is about.
    static func error(_ text: String) -> WarehouseError {
        let message = String(text.prefix(2_000).split(separator: "\n").joined(separator: " "))
        return WarehouseError(code(text), "DuckDB: \(message)")
    }

    private static func code(_ text: String) -> WarehouseError.Code {
        let kind = text.prefix { $0 != ":" }
        return switch kind {
        case "Out of Memory Error": .limit
        case "IO Error" where isFull(text): .full
        case "IO Error", "TransactionContext Error", "Interrupt Error": .unavailable
        case "INTERNAL Error", "FATAL Error", "Permission Error": .failed
        default: .rejected
        }
    }

    /// Whether a file that cannot be read may be the reason.
    static func mayBeDamage(_ error: WarehouseError) -> Bool {
        guard error.code != .limit, error.code != .full, error.message.hasPrefix("DuckDB: ") else { return false }
        // Nor is a file damaged that the system does not let us have now.
        let passing = ["Too many open files", "Cannot allocate memory", "Permission denied"]
        guard !passing.contains(where: error.message.contains) else { return false }
        return !["Parser", "Binder", "Catalog", "Conversion", "Permission"].contains {
            error.message.dropFirst("DuckDB: ".count).hasPrefix($0)
        }
    }

    private static func isFull(_ text: String) -> Bool {
        ["No space left", "Disk quota exceeded", "max_temp_directory_size"].contains { text.contains($0) }
    }
}
