// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse

extension DuckDBWarehouse {
    /// Puts the records of many blocks into one file, and leaves those out that nobody needs any more.
    ///
    /// Every state in between says the same, as a record that is there twice is one record.
    func bundleRecords() throws(WarehouseError) {
        recordsSinceBundle += 1
        guard recordsSinceBundle >= options.recordsBeforeBundle else { return }
        let names = folder.names(in: folder.records).filter { $0.hasSuffix(".json") && !$0.hasPrefix("merged.") }
        let bundles = names.filter { $0.hasPrefix("bundle.") }
        var sources: [String] = []
        var blocks: [String: DuckDBRecord] = [:]
        for name in bundles.count >= 32 ? names : names.filter({ !$0.hasPrefix("bundle.") }) {
            let records = try folder.records(name)
            // A file with a line that cannot be read stays as it is.
            guard !records.contains(nil) else { continue }
            sources.append(name)
            for case .block(let id, let day, let files, let ledger)? in records {
                blocks[id] = .block(id, day: day, files: files, ledger: ledger)
            }
        }
        let old = self.old(blocks)
        let lines = blocks.keys.sorted().filter { !old.contains($0) }.flatMap { blocks[$0]?.line ?? [] }
        try folder.commit(lines, as: "bundle.\(catalog.version).\(UInt64.random(in: 0 ... .max))")
        for name in sources { folder.remove("\(folder.records)/\(name)") }
        catalog.forget(blocks: old)
        recordsSinceBundle = 0
    }

    /// Blocks that arrived long before the newest of their node, and whose own files were merged or removed.
    private func old(_ blocks: [String: DuckDBRecord]) -> Set<String> {
        var newest: [String: ArrivalDay] = [:]
        for case .block(_, let day, _, let ledger) in blocks.values {
            for entry in ledger { newest[entry.node] = max(newest[entry.node] ?? day, day) }
        }
        let counting = Set(WarehouseTable.allCases.flatMap { catalog.files(of: $0).map(\.name) })
        var old: Set<String> = []
        for case .block(let id, let day, _, let ledger) in blocks.values where !counting.contains(id) {
            let isRecent = ledger.contains { entry in
                newest[entry.node].map { day.number >= $0.number &- options.knownDays } ?? true
            }
            if !isRecent && !ledger.isEmpty { old.insert(id) }
        }
        return old
    }
}
