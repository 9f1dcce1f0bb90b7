// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateWarehouse

/// What differs between the servers that are supported.
enum ClickHouseDialect: Sendable, Hashable {
    /// 18.16, as Debian has it: no codecs, no kind for words, nothing that forces parts onto the disk.
    case old
    /// Since 21.
    case current

    /// Chooses by what `version()` says.
    init(version: String) {
        let major = version.split(separator: ".").first.flatMap { Int($0) } ?? 0
        self = major >= 21 ? .current : .old
    }

    /// A column as a table of this server has it.
    func column(_ column: WarehouseTable.Column) -> ClickHouseColumn {
        ClickHouseColumn(column.name, type(of: column.kind), codec: codec(of: column.kind))
    }

    /// The type of a column.
    func type(of kind: WarehouseTable.Kind) -> String {
        switch (kind, self) {
        case (.id, _): "UUID"
        case (.text, _), (.word, .old): "String"
        case (.word, .current): "LowCardinality(String)"
        case (.integer, _), (.time, _): "Int64"
        case (.optionalNumber, _): "Nullable(Float64)"
        case (.flag, _): "UInt8"
        }
    }

    /// What compresses a column; a change here adds what was before to `ClickHouseColumn.earlierCodecs`.
    func codec(of kind: WarehouseTable.Kind) -> String? {
        switch (kind, self) {
        case (_, .old): nil
        // Hashes: there is nothing to compress.
        case (.id, .current): "CODEC(NONE)"
        // Rows are sorted by what they are about: T64 keeps the bits that numbers near each other differ in, whatever their
        // order; differences from one to the next are as large as they are.
        case (.integer, .current), (.time, .current): "CODEC(T64, ZSTD(1))"
        case (.text, .current), (.word, .current), (.optionalNumber, .current), (.flag, .current): "CODEC(ZSTD(1))"
        }
    }

    /// What is said at the end of a table's definition.
    var tableSettings: String {
        switch self {
        case .old: ""
        // A part is on the disk before the insert is answered; 18.16 leaves that to the system.
        case .current: " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
        }
    }

    /// What an insert needs to be one part, and to fail as a whole.
    func insertSettings(rows: Int) -> [(String, String)] {
        let shared = [
            ("max_insert_block_size", String(max(rows, 1_048_576))), ("input_format_skip_unknown_fields", "0"),
            ("input_format_allow_errors_num", "0"), ("input_format_allow_errors_ratio", "0"),
        ]
        switch self {
        case .old: return shared
        case .current:
            return shared + [
                ("async_insert", "0"), ("input_format_parallel_parsing", "0"), ("input_format_null_as_default", "0"),
            ]
        }
    }
}
