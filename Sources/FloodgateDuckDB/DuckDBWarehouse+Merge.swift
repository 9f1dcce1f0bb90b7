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
                let single = found.filter { !$0.isMerged }
                guard single.count >= (day < newest ? 1 : options.filesBeforeMerge) else { continue }
                try await merge(table, day, single, found.filter(\.isMerged))
            }
        }
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
                with: DuckDBSQL.merge(table, sources.map(folder.path), without: others.map(folder.path))
            )
        } catch {
            // Or the same files would be tried for ever.
            _ = try await setAsideDamage(behind: error)
            throw error
        }
    }

    /// Writes the answer of `question` as a merged file that takes the place of `sources`, which are of one table and day.
    /// - Returns: How many rows fewer there are.
    @discardableResult
    func replace(_ sources: [DuckDBFile], with question: String) async throws(WarehouseError) -> Int64 {
        guard let first = sources.first else { return 0 }
        var file = first
        file.name = "merged.\(catalog.version).\(UInt64.random(in: 0 ... .max))"
        do throws(WarehouseError) {
            try await write(&file, DuckDBSQL.copy(question, to: draft(of: file)))
            try commit(.merge(file, of: sources.map(\.name)), named: file.name, [file])
        } catch {
            folder.remove(draft(of: file))
            throw error
        }
        // The records of merged files go after the files: till then they say that other files count no more.
        discard(sources.map(folder.path) + sources.filter(\.isMerged).map { folder.record($0.name) })
        return sources.reduce(0) { $0 &+ $1.rows } &- file.rows
    }
}
