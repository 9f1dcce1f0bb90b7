// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse

extension DuckDBWarehouse {
    /// Merges small files of a day where there are many, or where the day is over.
    ///
    /// A merged file shares no event with another merged one of the days that duplicates are looked for in, so that questions
    /// need not compare them.
    func merge() async throws(WarehouseError) {
        for table in WarehouseTable.allCases {
            let files = catalog.files(of: table)
            guard let newest = files.map(\.day).max() else { continue }
            for (day, found) in Dictionary(grouping: files, by: \.day) {
                var single = found.filter { !$0.isMerged }
                let isOver = day < newest
                while isOver ? !single.isEmpty : isMuch(single) {
                    // What is merged at a time has to find room in memory.
                    var (taken, bytes): (Int, Int64) = (0, 0)
                    while taken < single.count, bytes < options.mergedFileBytes {
                        bytes &+= single[taken].bytes
                        taken += 1
                    }
                    let merged = catalog.files(of: table).filter { $0.isMerged && $0.day == day }
                    try await merge(table, day, Array(single.prefix(taken)), merged)
                    single.removeFirst(taken)
                }
            }
        }
    }

    private func isMuch(_ files: [DuckDBFile]) -> Bool {
        files.count >= options.filesBeforeMerge
            || files.count > 1 && files.reduce(0) { $0 &+ $1.bytes } >= options.mergedFileBytes
    }

    private func merge(
        _ table: WarehouseTable,
        _ day: ArrivalDay,
        _ single: [DuckDBFile],
        _ merged: [DuckDBFile]
    ) async throws(WarehouseError) {
        // Earlier merged files come along when they are not much larger, so that each row is written few times.
        var sources = single
        var bytes = single.reduce(0) { $0 &+ $1.bytes }
        for file in merged.sorted(by: { $0.bytes < $1.bytes }) {
            guard file.bytes <= bytes &* 4, file.bytes &+ bytes <= options.mergedFileBytes else { break }
            sources.append(file)
            bytes &+= file.bytes
        }
        let taken = Set(sources)
        let others = catalog.files(of: table).filter {
            $0.isMerged && !taken.contains($0) && abs($0.day.number &- day.number) <= options.duplicateDays
        }
        do throws(WarehouseError) {
            try await replace(
                sources,
                as: "merged",
                with: ParquetMerge(table: table, sources: sources.map(source), others: others.map(source)),
                or: DuckDBSQL.merge(table, sources.map(folder.path), without: others.map(folder.path))
            )
        } catch {
            // Or the same files would be tried for ever.
            _ = try await setAsideDamage(behind: error)
            throw error
        }
    }

    func source(_ file: DuckDBFile) -> ParquetMerge.Source {
        ParquetMerge.Source(path: folder.path(of: file), rows: file.rows)
    }

    /// Writes what `merge` makes as a file that takes the place of `sources`, which are of one table and day.
    ///
    /// Files that DuckDB wrote, or that are damaged or large, are DuckDB's to read: then it is the answer of `question`, as it
    /// is without `merge`.
    /// - Returns: How many rows fewer there are.
    @discardableResult
    func replace(
        _ sources: [DuckDBFile],
        as kind: String,
        with merge: ParquetMerge?,
        or question: String
    ) async throws(WarehouseError) -> Int64 {
        guard let first = sources.first else { return 0 }
        var file = first
        file.name = "\(kind).\(catalog.version).\(UInt64.random(in: 0 ... .max))"
        do throws(WarehouseError) {
            let draft = draft(of: file)
            if let rows = try await merge?.write(to: draft, in: folder), let bytes = folder.size(of: draft) {
                file.rows = rows
                file.bytes = bytes
            } else {
                try await write(&file, DuckDBSQL.copy(question, to: draft))
            }
            try commit(.merge(file, of: sources.map(\.name)), named: file.name, [file])
        } catch {
            folder.remove(draft(of: file))
            throw error
        }
        // The records of replaced files go after the files: till then they say that other files count no more.
        discard(sources.map(folder.path) + sources.filter(\.isReplacement).map { folder.record($0.name) })
        return sources.reduce(0) { $0 &+ $1.rows } &- file.rows
    }
}
