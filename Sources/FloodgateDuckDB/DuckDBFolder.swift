// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse
internal import Foundation

/// Where the files are, and how they get there so that no crash leaves half of one.
///
/// `TABLE/day=2025-06-15/NAME.parquet` are facts, `records/NAME.json` says which of them count, `incoming/SESSION/` is where
/// they are made, `damaged/` where those are put that cannot be read.
struct DuckDBFolder: Sendable {
    let root: String
    /// Apart from what a child of an earlier run may still be writing.
    let incoming: String

    init(root: String, session: String) {
        self.root = root
        incoming = "\(root)/incoming/\(session)"
    }

    var records: String { root + "/records" }
    var damaged: String { root + "/damaged" }
    private var lock: String { root + "/lock" }

    func days(of table: WarehouseTable) -> String { "\(root)/\(table.rawValue)" }
    func day(_ day: ArrivalDay, of table: WarehouseTable) -> String { "\(days(of: table))/day=\(day.text)" }
    func path(of file: DuckDBFile) -> String { day(file.day, of: file.table) + "/\(file.name).parquet" }
    func record(_ name: String) -> String { "\(records)/\(name).json" }

    /// Makes the folders, and removes what earlier runs were making.
    func prepare() throws(WarehouseError) {
        for path in [root, records, damaged] + WarehouseTable.allCases.map(days) { try make(path) }
        let others = root + "/incoming"
        for name in names(in: others) { try? FileManager.default.removeItem(atPath: "\(others)/\(name)") }
        try make(incoming)
    }

    /// Takes the folder for this process, until the descriptor is closed.
    /// - Throws: `.unavailable` if another process has it.
    func take() throws(WarehouseError) -> Int32 {
        try make(root)
        let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.error("\(lock) cannot be opened") }
        // A program that this process is just starting has all descriptors for a moment.
        var tries = 50
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0, tries > 0 {
            tries -= 1
            usleep(10_000)
        }
        guard tries > 0 else {
            close(descriptor)
            throw WarehouseError(.unavailable, "another process writes to \(root); stop it, or choose another folder")
        }
        return descriptor
    }

    func names(in path: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

    func size(of path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : nil
    }

    func remove(_ path: String) { _ = unlink(path) }

    /// Makes a folder that survives a crash.
    func make(_ path: String) throws(WarehouseError) {
        var status = stat()
        if stat(path, &status) == 0 { return }
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw WarehouseError(.unavailable, "\(path) cannot be made: \(error)")
        }
        try sync(path)
        try sync((path as NSString).deletingLastPathComponent)
    }

    /// Writes `bytes` without waiting for the disk: a file that need not survive.
    func write(_ bytes: [UInt8], to path: String) throws(WarehouseError) {
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(WarehouseError) in try write(bytes, to: path) }
        }.get()
    }

    /// The same.
    func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(WarehouseError) {
        try writing(to: path) { descriptor throws(WarehouseError) in
            var rest = bytes[...]
            while !rest.isEmpty {
                let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress
                let count = Foundation.write(descriptor, start, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw Self.error("\(path) cannot be written") }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// Lends the descriptor of a file that is made, or emptied, to `body`, to write and read.
    func writing<Value>(
        to path: String,
        _ body: (Int32) throws(WarehouseError) -> Value
    ) throws(WarehouseError) -> Value {
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.error("\(path) cannot be made") }
        defer { close(descriptor) }
        return try body(descriptor)
    }

    /// Has what was written to a file or folder on the disk.
    func sync(_ path: String) throws(WarehouseError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error("\(path) cannot be opened") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.error("\(path) cannot be synced") }
    }

    /// Gives a file its place; to be followed by `sync` of the folder.
    func move(_ path: String, to place: String) throws(WarehouseError) {
        guard rename(path, place) == 0 else { throw Self.error("\(place) cannot be put in its place") }
    }

    /// Puts a record in its place: what it says counts from then on.
    func commit(_ lines: [UInt8], as name: String) throws(WarehouseError) {
        let draft = incoming + "/\(name).json"
        try write(lines, to: draft)
        try sync(draft)
        try move(draft, to: record(name))
        try sync(records)
    }

    static func error(_ what: String) -> WarehouseError {
        let code = errno
        let isFull = code == ENOSPC || code == EDQUOT
        return WarehouseError(isFull ? .full : .unavailable, "\(what): \(String(cString: strerror(code)))")
    }
}
