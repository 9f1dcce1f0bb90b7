// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON
package import FloodgateWarehouse
internal import Synchronization

extension DuckDBWarehouse {
    package func query(_ sql: String, limits: QueryLimits) async throws(WarehouseError) -> [JSONObject] {
        guard let readers else { throw WarehouseError(.unavailable, "the warehouse is not prepared") }
        let question = try DuckDBStatement.question(sql)
        var reader = try await readers.take(waiting: options.waitingQuestions)
        defer { readers.giveBack(reader) }
        // A damaged file costs a question one more try.
        for _ in 0..<4 {
            do throws(WarehouseError) {
                return try await ask(question, limits, &reader)
            } catch {
                let isMended = try await changing { () throws(WarehouseError) in
                    try await setAsideDamage(behind: error)
                }
                guard isMended else { throw error }
            }
        }
        return try await ask(question, limits, &reader)
    }

    private func ask(
        _ question: String,
        _ limits: QueryLimits,
        _ reader: inout DuckDBReaders.Reader
    ) async throws(WarehouseError) -> [JSONObject] {
        let seen = catalog
        reading[seen.version, default: 0] += 1
        defer {
            reading[seen.version, default: 1] -= 1
            if reading[seen.version] == 0 { reading[seen.version] = nil }
            sweep()
        }
        let request = DuckDBChild.Request(
            statements: [question],
            time: limits.time,
            memoryBytes: limits.memoryBytes,
            resultRows: limits.resultRows
        )
        let (known, folder, made) = (reader.known, folder, Made())
        let lines = try await reader.child.perform(request) { start in
            made.set(start)
            if known.start == start, known.version == seen.version { return [] }
            return WarehouseTable.allCases.flatMap { table in
                let files = seen.files(of: table)
                return DuckDBSQL.view(
                    table,
                    merged: files.filter(\.isMerged).map(folder.path),
                    single: files.filter { !$0.isMerged }.map(folder.path),
                    seen: known.start == start ? known.single[table] ?? [] : nil
                )
            }
        }
        reader.known.start = made.start
        reader.known.version = seen.version
        for table in WarehouseTable.allCases {
            reader.known.single[table] = Set(seen.files(of: table).filter { !$0.isMerged }.map(folder.path))
        }
        return try DuckDBReaders.rows(lines)
    }

    /// Puts files out of the way that cannot be read, if that is what `error` is about; for who makes a change.
    /// - Returns: Whether there were any.
    func setAsideDamage(behind error: WarehouseError) async throws(WarehouseError) -> Bool {
        guard DuckDBFailure.mayBeDamage(error) else { return false }
        let files = WarehouseTable.allCases.flatMap { catalog.files(of: $0) }
        let named = files.filter { error.message.contains(folder.path(of: $0)) }
        var gone: [DuckDBFile] = []
        for file in named.isEmpty ? files : named {
            guard folder.size(of: folder.path(of: file)) != nil else {
                gone.append(file)
                continue
            }
            do throws(WarehouseError) {
                _ = try await load([DuckDBSQL.check(folder.path(of: file))])
            } catch {
                // Only what is said about the file is about the file.
                guard DuckDBFailure.mayBeDamage(error) else { throw error }
                try folder.setAside(file)
                gone.append(file)
            }
        }
        damaged += gone.count
        if !gone.isEmpty { catalog.remove(gone) }
        return !gone.isEmpty
    }
}

/// Takes the number of a child's start out of a closure.
private final class Made: Sendable {
    private let value = Mutex(0)
    var start: Int { value.withLock { $0 } }
    func set(_ start: Int) { value.withLock { $0 = start } }
}
