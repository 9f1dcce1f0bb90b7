// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
package import FloodgateWarehouse

extension DuckDBWarehouse {
    @discardableResult
    package func removeDays(
        before day: ArrivalDay,
        of table: WarehouseTable
    ) async throws(WarehouseError) -> Int {
        try await changing { () throws(WarehouseError) in
            let gone = catalog.files(of: table).filter { $0.day < day }
            guard !gone.isEmpty else { return 0 }
            catalog.remove(gone)
            // After a crash in between the rest goes the next time: a day that is half gone is gone a little later.
            discard(gone.map(folder.path) + gone.filter(\.isReplacement).map { folder.record($0.name) })
            return Set(gone.map(\.day)).count
        }
    }

    @discardableResult
    package func forget(_ userID: String, environment: String) async throws(WarehouseError) -> Int? {
        try await changing { () throws(WarehouseError) in
            var removed: Int64 = 0
            for table in WarehouseTable.allCases {
                let condition = DuckDBSQL.isAbout(userID, environment: environment, table)
                for file in catalog.files(of: table) {
                    let path = folder.path(of: file)
                    let numbers = DuckDBSQL.numbers(condition, path, limit: Self.listedRows + 1)
                    let found = try await load([numbers]).compactMap { $0["n"]?.integerValue }
                    guard !found.isEmpty else { continue }
                    let merge = ParquetMerge(table: table, sources: [source(file)], without: found, isOnce: false)
                    removed &+= try await replace(
                        [file],
                        as: file.isMerged ? "merged" : "single",
                        with: found.count <= Self.listedRows ? merge : nil,
                        or: DuckDBSQL.without(condition, table, [path])
                    )
                }
            }
            return Int(removed)
        }
    }

    /// The most rows whose numbers are listed: an ID that all share has millions.
    private static var listedRows: Int { 50_000 }
}
