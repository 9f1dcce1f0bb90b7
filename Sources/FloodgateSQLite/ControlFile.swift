// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import GRDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The file under a `SQLiteControlStore`: how it is made, checked and set aside.
enum ControlFile {
    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = 4
        configuration.label = "control"
        return configuration
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0
    }

    /// Makes the file beside its place and moves it in complete.
    ///
    /// So a file in place is never half made: an empty or short one is damaged, not new.
    static func createIfMissing(at path: String) throws {
        guard !exists(path) else { return }
        let draft = "\(path).new-\(getpid())-\(UInt32.random(in: .min ... .max))"
        // Readable for the owner alone, as it holds the project; SQLite gives its other files the same mode.
        let file = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("made", draft) }
        defer { unlink(draft) }
        _ = fchmod(file, 0o600)
        close(file)
        var configuration = Self.configuration
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
        let queue = try DatabaseQueue(path: draft, configuration: configuration)
        try ControlSchema.migrator.migrate(queue)
        try queue.close()
        // Fails if another process was faster: then its file is as good.
        if link(draft, path) != 0, errno != EEXIST {
            // Some file systems have no second names; there the last of two that start at once wins.
            guard !exists(path), rename(draft, path) == 0 else { throw failure("made", path) }
        }
        synchronizeFolder(of: path)
    }

    /// - Throws: if the file is not a whole SQLite database of ours, or of a newer format.
    static func check(at path: String) throws {
        try checkHeader(at: path)
        var configuration = Self.configuration
        configuration.readonly = true
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.read { db in
            let faults = try String.fetchAll(db, sql: "PRAGMA quick_check(1)")
            guard faults == ["ok"] else {
                throw ControlError.corruptFile(path, faults.first ?? "SQLite's check says nothing")
            }
            let application = try Int32.fetchOne(db, sql: "PRAGMA application_id")
            guard application == ControlSchema.applicationID else {
                throw ControlError.corruptFile(path, "it is another program's database")
            }
            guard try !ControlSchema.migrator.hasBeenSuperseded(db) else {
                throw ControlError(.newerFormat, "\(path) was written by a newer Floodgate; run that version")
            }
        }
        try queue.close()
    }

    /// What SQLite itself overlooks or would take for a new database: a file that is empty, cut off or something else.
    private static func checkHeader(at path: String) throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("read", path) }
        defer { close(file) }
        let magic = Array("SQLite format 3\0".utf8)
        var header = [UInt8](repeating: 0, count: magic.count + 2)
        let count = read(file, &header, header.count)
        var status = stat()
        guard count >= 0, fstat(file, &status) == 0 else { throw failure("read", path) }
        guard count > 0 else { throw ControlError.corruptFile(path, "it is empty") }
        guard count == header.count, header.starts(with: magic) else {
            throw ControlError.corruptFile(path, "it is no SQLite database")
        }
        let written = Int64(header[16]) << 8 | Int64(header[17])
        let pageSize = written == 1 ? 65_536 : written
        var log = stat()
        // While a write-ahead log holds the pages, the file itself may have been left in the middle of one.
        let hasLog = stat("\(path)-wal", &log) == 0 && log.st_size > 0
        guard hasLog || pageSize > 0 && Int64(status.st_size) % pageSize == 0 else {
            throw ControlError.corruptFile(path, "it ends in the middle of a page")
        }
    }

    static func setAside(path: String, time: Int64) throws(ControlError) -> String {
        let target = "\(path).corrupt-\(time)"
        guard !exists(target) else {
            throw ControlError(.storage, "There is a file \(target) already; move it away first")
        }
        guard rename(path, target) == 0 else { throw failure("moved", path) }
        for suffix in ["-wal", "-shm"] where exists(path + suffix) { rename(path + suffix, target + suffix) }
        synchronizeFolder(of: path)
        return target
    }

    private static func synchronizeFolder(of path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let file = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { return }
        fsync(file)
        close(file)
    }

    private static func failure(_ verb: String, _ path: String) -> ControlError {
        let reason = String(cString: strerror(errno))
        return ControlError(
            .storage,
            "\(path) cannot be \(verb): \(reason); check the folder and the right to write it"
        )
    }
}
