// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
package import GRDB

/// `ControlStore` in one SQLite file: one writer, many readers, any number of processes, no server to run.
package final class SQLiteControlStore: ControlStore {
    /// The file's name in a data folder.
    package static let fileName = "control.sqlite"

    /// Where the file is.
    package let path: String
    package let pool: DatabasePool

    /// Opens the store at `path`, or makes it if there is no such file.
    ///
    /// Blocks while SQLite checks the file's structure.
    /// - Throws: `.corrupt` for a damaged or foreign file, which is left as it is; `.newerFormat` for one that a newer
    ///   Floodgate wrote; `.storage` if the file cannot be made or opened.
    package init(path: String) throws(ControlError) {
        self.path = path
        do {
            try ControlFile.createIfMissing(at: path)
            try ControlFile.check(at: path)
            pool = try DatabasePool(path: path, configuration: ControlFile.configuration)
            // The pool chooses NORMAL, with which the last commits may be gone after a power failure.
            try pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
            try migrate()
        } catch {
            throw ControlError(database: error, at: path)
        }
    }

    private func migrate() throws {
        let isCurrent = try pool.writeWithoutTransaction { db in try ControlSchema.migrator.hasCompletedMigrations(db) }
        guard !isCurrent else { return }
        try ControlSchema.migrator.migrate(pool)
        // The log may hold pages as they were before; a process that still reads them lets go of it later.
        try? pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    }

    /// Looks at the file's structure without changing anything.
    /// - Throws: as `init(path:)`; `.notFound` if there is no file.
    package static func check(path: String) throws(ControlError) {
        guard ControlFile.exists(path) else { throw ControlError(.notFound, "There is no file \(path)") }
        do { try ControlFile.check(at: path) } catch { throw ControlError(database: error, at: path) }
    }

    /// Moves a damaged file and what belongs to it out of the way, so that a new one can be made; nothing is deleted.
    /// - Returns: the file's new path, `control.sqlite.corrupt-<time>`.
    package static func setAside(path: String, time: Int64) throws(ControlError) -> String {
        try ControlFile.setAside(path: path, time: time)
    }

    /// Waits for what is running, gathers everything into the one file and closes it, for good.
    package func close() throws(ControlError) {
        do {
            // Or the log stays beside the file, because the pool's reading connections go last. Others may be using it.
            try? pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
            try pool.close()
        } catch { throw ControlError(database: error, at: path) }
    }

    package func changeCount() async throws(ControlError) -> Int64 {
        try await read { db in
            try Int64.fetchOne(db.cachedStatement(sql: "SELECT change_count FROM control")) ?? 0
        }
    }

    // MARK: Access

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(ControlError)
        -> Value
    {
        do { return try await pool.read(body) } catch { throw ControlError(database: error, at: path) }
    }

    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(ControlError)
        -> Value
    {
        do { return try await pool.write(body) } catch { throw ControlError(database: error, at: path) }
    }
}

extension ControlError {
    /// Passes a `ControlError` on and wraps all else as its cause.
    init(database error: any Error, at path: String) {
        switch error {
        case let error as ControlError: self = error
        case is CancellationError: self.init(.cancelled, "The task was cancelled; nothing was changed", cause: error)
        case let error as DatabaseError:
            switch error.resultCode {
            // Our statements are always the same: if one does not compile, the tables are not what they were.
            case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR, .SQLITE_FORMAT, .SQLITE_MISMATCH:
                self = .corruptFile(path, error.message ?? "SQLite cannot read it", cause: error)
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                let message = "Another process holds \(path) and does not let go of it; try again"
                self.init(.storage, message, cause: error)
            case .SQLITE_FULL:
                self.init(.storage, "The disk that holds \(path) is full; nothing was changed", cause: error)
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN, .SQLITE_AUTH:
                let message =
                    "\(path) cannot be opened for writing; give this user the right to write it and its folder"
                self.init(.storage, message, cause: error)
            case .SQLITE_INTERRUPT where Task.isCancelled:
                self.init(.cancelled, "The task was cancelled; nothing was changed", cause: error)
            default:
                self.init(
                    .storage,
                    "\(path) cannot be used: \(error.message ?? "SQLite error \(error.resultCode)")",
                    cause: error
                )
            }
        case is RowDecodingError: self = .corruptFile(path, "a row holds a value of the wrong type", cause: error)
        default: self.init(.storage, "\(path) cannot be used: \(error)", cause: error)
        }
    }

    static func corruptFile(_ path: String, _ what: String, cause: (any Error)? = nil) -> ControlError {
        let message = """
            \(path) is damaged (\(what)). Nothing was changed. Restore it from a backup, or move it away to start with \
            an empty project; `floodgate doctor` looks at it more closely
            """
        return ControlError(.corrupt, message, cause: cause)
    }
}
