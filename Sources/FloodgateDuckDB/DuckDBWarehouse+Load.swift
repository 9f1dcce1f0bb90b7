// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
package import FloodgateWarehouse

extension DuckDBWarehouse {
    @discardableResult
    package func load(_ block: EventBlock) async throws(WarehouseError) -> Bool {
        guard Self.isName(block.id) else {
            throw WarehouseError(.failed, "'\(block.id.prefix(100))' is no block id: letters, digits, '-' and '_' only")
        }
        return try await changing { () throws(WarehouseError) in
            guard catalog.blocks[block.id] == nil else { return false }
            let files = try await write(block)
            try commit(.block(block.id, day: block.day, files: files, ledger: block.ledger), named: block.id, files)
            // The block is there; what goes wrong now can wait for the next one.
            try? await merge()
            try? bundleRecords()
            return true
        }
    }

    private static func isName(_ id: String) -> Bool {
        (1...100).contains(id.utf8.count)
            && id.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
                    || $0 == 0x5F
            }
    }

    /// Makes the block's Parquet files, which nobody sees yet.
    private func write(_ block: EventBlock) async throws(WarehouseError) -> [DuckDBFile] {
        var files: [DuckDBFile] = []
        do throws(WarehouseError) {
            for table in WarehouseTable.allCases {
                guard let rows = block.rows[table], !rows.isEmpty else { continue }
                var file = DuckDBFile(table: table, day: block.day, name: block.id, rows: 0, bytes: 0)
                files.append(file)
                switch block.form {
                case .packed: try write(&file, packed: rows)
                case .lines: try await write(&file, lines: rows)
                }
                files[files.count - 1] = file
                guard file.rows == Int64(block.counts[table] ?? 0) else {
                    let message = "block \(block.id) says \(block.counts[table] ?? 0) rows, and has \(file.rows)"
                    throw WarehouseError(.failed, message)
                }
            }
        } catch {
            for file in files { folder.remove(draft(of: file)) }
            throw error
        }
        return files
    }

    private func write(_ file: inout DuckDBFile, packed rows: [UInt8]) throws(WarehouseError) {
        let made = try ParquetFile(file.table, packed: rows)
        try made.write(to: draft(of: file), in: folder)
        file.rows = made.rows
        file.bytes = made.size
    }

    private func write(_ file: inout DuckDBFile, lines rows: [UInt8]) async throws(WarehouseError) {
        let source = draft(of: file) + ".jsonl"
        defer { folder.remove(source) }
        try folder.write(rows, to: source)
        try await write(
            &file,
            DuckDBSQL.write(file.table, from: source, longest: Self.longestLine(rows), to: draft(of: file))
        )
    }

    private static func longestLine(_ rows: [UInt8]) -> Int {
        var longest = 0
        var start = 0
        while let newline = rows.firstNewline(from: start) {
            longest = max(longest, newline + 1 - start)
            start = newline + 1
        }
        return max(longest, rows.count - start)
    }

    func draft(of file: DuckDBFile) -> String { "\(folder.incoming)/\(file.table.rawValue)-\(file.name).parquet" }

    /// Has `statement` write the draft of `file`, and takes down how large it is.
    func write(_ file: inout DuckDBFile, _ statement: String) async throws(WarehouseError) {
        let path = draft(of: file)
        let answer = try await load([statement, DuckDBSQL.count(path)])
        guard let rows = answer.first?["n"]?.integerValue, let bytes = folder.size(of: path) else {
            throw WarehouseError(.unavailable, "DuckDB did not write \(path)")
        }
        file.rows = rows
        file.bytes = bytes
    }

    /// Puts the drafts of `files` in their places, and the record after them: only that makes them count.
    func commit(_ record: DuckDBRecord, named name: String, _ files: [DuckDBFile]) throws(WarehouseError) {
        for file in files {
            try folder.sync(draft(of: file))
            try folder.make(folder.day(file.day, of: file.table))
            try folder.move(draft(of: file), to: folder.path(of: file))
            try folder.sync(folder.day(file.day, of: file.table))
        }
        try folder.commit(record.line, as: name)
        catalog.add(record)
    }
}
