// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
package import FloodgateWarehouse
internal import Foundation

/// `Warehouse` in a folder of Parquet files, read and written by DuckDB's program as a child process.
///
/// One process has the folder. Blocks, merges and deletions come one after the other; questions go on beside them and see
/// the files that counted when they began, which stay until the last such question is answered.
package actor DuckDBWarehouse: Warehouse {
    package nonisolated let engine = "duckdb"
    package nonisolated let form = RowForm.packed

    let options: DuckDBOptions
    let folder: DuckDBFolder
    var catalog = DuckDBCatalog()
    var damaged = 0
    var recordsSinceBundle = 0
    var loader: DuckDBChild?
    private var lock: Int32?
    var readers: DuckDBReaders?
    // Who changes files holds it over every wait.
    private var isChanging = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// Files that count no more but may be read by questions that began before the version of the catalog.
    var garbage: [(version: Int, paths: [String])] = []
    /// Questions that run, by the version of the catalog that they see.
    var reading: [Int: Int] = [:]

    /// Makes a warehouse; nothing is touched before `prepare`.
    package init(_ options: DuckDBOptions) {
        self.options = options
        // Apart from earlier runs of the same process number, too.
        folder = DuckDBFolder(root: options.folder, session: "\(getpid())-\(UInt32.random(in: 0 ... .max))")
    }

    deinit { if let lock { close(lock) } }

    package nonisolated func relation(_ table: WarehouseTable) -> String {
        DuckDBStatement.identifier(table.rawValue)
    }

    package func prepare() async throws(WarehouseError) {
        try await changing { () throws(WarehouseError) in
            if loader == nil {
                let program = try DuckDBProgram.find(options.program)
                if lock == nil { lock = try folder.take() }
                try folder.prepare()
                (catalog, damaged) = try DuckDBCatalog.read(folder)
                recordsSinceBundle = folder.names(in: folder.records).count
                readers = DuckDBReaders(
                    (1...max(1, options.questions)).map { child(program, "question-\($0)", options.threads) }
                )
                loader = child(program, "loading", options.loadingThreads)
            }
            _ = try await load(["select 1"])
        }
    }

    private func child(_ program: String, _ label: String, _ threads: Int) -> DuckDBChild {
        DuckDBChild(
            program: program,
            folder: folder.root,
            temporary: "\(folder.incoming)/\(label).tmp",
            threads: max(1, threads),
            label: label
        )
    }

    package func ledger(since start: Int64, node: String?) async throws(WarehouseError) -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        var seen: Set<String> = []
        for name in folder.names(in: folder.records) where name.hasSuffix(".json") {
            // A record that was just bundled with others is found there.
            guard let records = try? folder.records(name) else { continue }
            for case .block(let id, _, _, let ledger)? in records where seen.insert(id).inserted {
                entries += ledger.filter { $0.minute >= start && (node == nil || $0.node == node) }
            }
        }
        return entries
    }

    package func status() async throws(WarehouseError) -> WarehouseStatus {
        var status = WarehouseStatus()
        var days: [ArrivalDay] = []
        for table in WarehouseTable.allCases {
            let files = catalog.files(of: table)
            status.rows[table] = files.reduce(0) { $0 &+ $1.rows }
            status.storedBytes = files.reduce(status.storedBytes) { $0 &+ $1.bytes }
            status.parts += files.count
            days += files.map(\.day)
        }
        if let first = days.min(), let last = days.max() { status.days = first...last }
        status.damaged = damaged
        return status
    }

    package func shutdown() async {
        await loader?.shutdown()
        await readers?.shutdown()
        if let lock { close(lock) }
        lock = nil
        loader = nil
        readers = nil
    }

    // MARK: Changes, one after the other

    /// Runs `work` when no other change is being made.
    func changing<Value>(_ work: () async throws(WarehouseError) -> Value) async throws(WarehouseError) -> Value {
        while isChanging { await withCheckedContinuation { waiting.append($0) } }
        isChanging = true
        defer {
            isChanging = false
            if !waiting.isEmpty { waiting.removeFirst().resume() }
        }
        return try await work()
    }

    /// Has the child that loads perform `statements`.
    /// - Returns: The rows of all answers.
    func load(_ statements: [String]) async throws(WarehouseError) -> [JSONObject] {
        guard let loader else { throw WarehouseError(.unavailable, "the warehouse is not prepared") }
        do throws(WarehouseError) {
            let lines = try await loader.perform(
                DuckDBChild.Request(
                    statements: statements,
                    time: options.loadingTime,
                    memoryBytes: options.loadingMemoryBytes
                )
            )
            return try DuckDBReaders.rows(lines)
        } catch {
            // Too slow or too large for now is nothing that is wrong with the rows.
            if error.code == .limit { throw WarehouseError(.unavailable, error.message) }
            throw error
        }
    }

    /// Removes files that count no more as soon as no question reads them.
    func discard(_ paths: [String]) {
        garbage.append((catalog.version, paths))
        sweep()
    }

    func sweep() {
        let oldest = reading.keys.min() ?? .max
        for (version, paths) in garbage where version <= oldest {
            for path in paths { folder.remove(path) }
        }
        garbage.removeAll { $0.version <= oldest }
    }
}

extension DuckDBWarehouse {
    /// Kills the children as a fault would; for tests.
    package func killChildren() {
        loader?.kill()
        readers?.kill()
    }
}
