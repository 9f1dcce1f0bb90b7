// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse
internal import Foundation

/// Which blocks are known and which files count, as the records say.
struct DuckDBCatalog: Sendable {
    /// Rises with every change.
    private(set) var version = 1
    private(set) var blocks: [String: ArrivalDay] = [:]
    private(set) var files: [WarehouseTable: [DuckDBFile]] = [:]

    /// The files that count, in order of day and name.
    func files(of table: WarehouseTable) -> [DuckDBFile] { files[table] ?? [] }

    /// Adds what was committed.
    mutating func add(_ record: DuckDBRecord) {
        version += 1
        switch record {
        case .block(let id, let day, let added, _):
            blocks[id] = day
            for file in added { files[file.table, default: []].append(file) }
        case .merge(let file, let sources):
            let sources = Set(sources)
            files[file.table, default: []].removeAll { sources.contains($0.name) }
            files[file.table, default: []].append(file)
        }
    }

    /// Leaves out files that are gone.
    mutating func remove(_ gone: [DuckDBFile]) {
        version += 1
        let gone = Set(gone)
        for table in WarehouseTable.allCases { files[table]?.removeAll { gone.contains($0) } }
    }

    /// Forgets that blocks were loaded.
    mutating func forget(blocks ids: some Sequence<String>) {
        for id in ids { blocks[id] = nil }
    }

    /// Reads the records of `folder` and makes the files agree with them: what no record names, or what a merged file took the
    /// place of, is removed; a file of another size than its record says is set aside.
    ///
    /// - Returns: The catalog, and how many files and records cannot be used.
    static func read(_ folder: DuckDBFolder) throws(WarehouseError) -> (catalog: DuckDBCatalog, damaged: Int) {
        var catalog = DuckDBCatalog()
        var named: [String: DuckDBFile] = [:]
        var replaced: Set<String> = []
        var merges: [DuckDBFile] = []
        var damaged = 0
        for name in folder.names(in: folder.records) where name.hasSuffix(".json") {
            for record in try folder.records(name) {
                switch record {
                case nil: damaged += 1
                case .block(let id, let day, let files, _):
                    catalog.blocks[id] = day
                    for file in files { named[folder.path(of: file)] = file }
                case .merge(let file, let sources):
                    merges.append(file)
                    named[folder.path(of: file)] = file
                    for source in sources { replaced.insert("\(file.table.rawValue)/\(source)") }
                }
            }
        }
        // Without a record that cannot be read nobody knows which files are left over.
        let mayRemove = damaged == 0
        for table in WarehouseTable.allCases {
            for day in folder.names(in: folder.days(of: table)).sorted() {
                let path = "\(folder.days(of: table))/\(day)"
                for name in folder.names(in: path).sorted() where name.hasSuffix(".parquet") {
                    let file = "\(path)/\(name)"
                    guard let known = named[file], !replaced.contains("\(table.rawValue)/\(known.name)") else {
                        if mayRemove { folder.remove(file) }
                        continue
                    }
                    if folder.size(of: file) == known.bytes {
                        catalog.files[table, default: []].append(known)
                    } else {
                        try folder.setAside(known)
                        damaged += 1
                    }
                }
            }
        }
        // What these say is done, now that the files that they replaced are gone.
        for merge in merges where mayRemove && replaced.contains("\(merge.table.rawValue)/\(merge.name)") {
            folder.remove(folder.record(merge.name))
        }
        return (catalog, damaged)
    }
}

extension DuckDBFolder {
    /// The records in a file, one a line; nil for a line that is none.
    func records(_ name: String) throws(WarehouseError) -> [DuckDBRecord?] {
        guard let content = FileManager.default.contents(atPath: "\(records)/\(name)") else {
            throw WarehouseError(.unavailable, "\(records)/\(name) cannot be read")
        }
        return content.split(separator: 0x0A).compactMap { DuckDBRecord(Array($0)) }
    }

    /// Puts a file out of the way that cannot be read.
    func setAside(_ file: DuckDBFile) throws(WarehouseError) {
        try move(path(of: file), to: "\(damaged)/\(file.table.rawValue)-\(file.day.text)-\(file.name).parquet")
    }
}
