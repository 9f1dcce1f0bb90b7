// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateParquet
internal import FloodgateWarehouse
internal import Foundation

/// A Parquet file in memory, with its rows in the order that analysis reads them in.
final class ParquetFile {
    private let file: OpaquePointer
    private var content = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

    /// Makes the file of rows in the packed form.
    /// - Throws: `.rejected` if they are not rows of `table`, `.unavailable` if there is no memory.
    init(_ table: WarehouseTable, packed rows: [UInt8]) throws(WarehouseError) {
        guard let file = fg_parquet_make() else { throw Self.noMemory }
        self.file = file
        try Self.check(file.add(columnsOf: table), table)
        try Self.check(fg_parquet_add(file, rows, rows.count), table)
        var (bytes, size): (UnsafePointer<UInt8>?, Int) = (nil, 0)
        try Self.check(fg_parquet_finish(file, &bytes, &size), table)
        content = UnsafeBufferPointer(start: bytes, count: size)
    }

    deinit { fg_parquet_free(file) }

    /// How many rows it has.
    var rows: Int64 { Int64(clamping: fg_parquet_rows(file)) }

    /// How large it is.
    var size: Int64 { Int64(content.count) }

    /// Writes it without waiting for the disk.
    func write(to path: String, in folder: DuckDBFolder) throws(WarehouseError) {
        try folder.write(UnsafeRawBufferPointer(content), to: path)
    }

    private static var noMemory: WarehouseError {
        WarehouseError(.unavailable, "there is no memory for a Parquet file")
    }

    private static func check(_ status: fg_parquet_status, _ table: WarehouseTable) throws(WarehouseError) {
        switch status {
        case FG_PARQUET_OK: return
        case FG_PARQUET_REFUSED: throw WarehouseError(.rejected, "what is to be \(table.rawValue) are no rows")
        default: throw noMemory
        }
    }
}

extension OpaquePointer {
    /// Adds the columns of a table to a Parquet file, in their order; if it `isMerged`, rows of the same event count once.
    func add(columnsOf table: WarehouseTable, isMerged: Bool = false) -> fg_parquet_status {
        for column in table.columns {
            var role = fg_column_role()
            role.kind = column.kind.parquet
            role.rank = table.order.firstIndex(of: column.name).map(Int32.init) ?? -1
            role.is_identity = isMerged && WarehouseTable.identity.contains(column.name)
            role.age = WarehouseTable.age.firstIndex(of: column.name).map(Int32.init) ?? -1
            let name = Array(column.name.utf8CString)
            let status = fg_parquet_column(self, name, name.count - 1, role)
            guard status == FG_PARQUET_OK else { return status }
        }
        return FG_PARQUET_OK
    }
}

extension WarehouseTable.Kind {
    fileprivate var parquet: fg_column_kind {
        switch self {
        case .id: FG_COLUMN_ID
        case .text, .word: FG_COLUMN_TEXT
        case .integer, .time: FG_COLUMN_INTEGER
        case .optionalNumber: FG_COLUMN_OPTIONAL_NUMBER
        case .flag: FG_COLUMN_FLAG
        }
    }
}
