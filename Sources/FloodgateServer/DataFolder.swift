// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The folder of everything that one server keeps.
package struct DataFolder: Sendable {
    /// Where it is.
    package let path: String
    /// Called before each step that changes a file that is kept whole; for tests of what a kill leaves behind.
    package var willDo: (@Sendable (String) -> Void)?

    /// Names a folder.
    package init(path: String) { self.path = path }

    /// The control store's file.
    package var controlFile: String { path + "/control.sqlite" }
    /// The keys that the project began with, in clear text.
    package var initialKeysFile: String { path + "/initial-keys.json" }
    /// Keys that sign snapshots.
    package var signingFile: String { path + "/signing.json" }
    /// How commands reach the server that runs on the folder.
    package var localAccessFile: String { path + "/server.json" }
    /// What caches in front may hold.
    var purgeFile: String { path + "/purge.json" }
    /// What the event log is called in the ledger.
    package var nodeFile: String { path + "/node.json" }
    /// The folder of the embedded warehouse.
    package var warehouseFolder: String { path + "/warehouse" }
    /// The event log's folder.
    package var eventFolder: String { path + "/events" }

    /// Whether there is such a folder.
    package var exists: Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes the folder, and those around it, if it is not there, and finds out whether it can be written.
    /// - Throws: `StartFailure` that says what is wrong.
    package func prepare() throws(StartFailure) {
        var built = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            built += built.isEmpty || built.hasSuffix("/") ? String(part) : "/" + part
            guard mkdir(built, 0o700) != 0, errno != EEXIST else { continue }
            // A parent that may not be written, or is on a read-only disk, may be there all the same.
            var status = stat()
            if stat(built, &status) == 0 { continue }
            throw failure("cannot be made: \(Self.reason())")
        }
        guard exists else { throw failure("is not a folder") }
        try probe()
    }

    /// Writes a file and removes it.
    private func probe() throws(StartFailure) {
        let file = path + "/.floodgate-\(getpid())"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot be written: \(Self.reason())") }
        close(descriptor)
        unlink(file)
    }

    /// Writes a file that the owner alone can read, in the place of one that may be there.
    func save(_ bytes: [UInt8], as file: String) throws(StartFailure) {
        let draft = "\(file).new-\(getpid())"
        willDo?("open \(draft)")
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot be written: \(Self.reason())") }
        defer { unlink(draft) }
        // In two parts for whoever looks in between: a kill may come at any byte.
        willDo?("write \(draft)")
        let half = bytes.count / 2
        var isWritten = Self.writeAll(bytes[..<half], to: descriptor)
        willDo?("write \(draft)")
        isWritten = isWritten && Self.writeAll(bytes[half...], to: descriptor)
        willDo?("sync \(draft)")
        isWritten = isWritten && fsync(descriptor) == 0
        let isClosed = close(descriptor) == 0
        willDo?("rename \(draft)")
        guard isWritten, isClosed, rename(draft, file) == 0 else {
            throw failure("cannot be written: \(Self.reason())")
        }
    }

    /// Does something that no other process does at the same time, which asks for the same `file`.
    package func locked<Result>(_ file: String, _ body: () throws -> Result) throws -> Result {
        let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot be written: \(Self.reason())") }
        // Closing gives the lock back.
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0, errno == EINTR {}
        return try body()
    }

    /// What guards the keys that sign against two writers.
    package var signingLock: String { path + "/signing.lock" }

    /// Makes renames last over a loss of power.
    func sync() {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Bytes free for this user on the folder's disk; nil if the system does not say.
    package var freeBytes: Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let (bytes, isBeyond) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return isBeyond ? .max : Int64(clamping: bytes)
    }

    private func failure(_ what: String) -> StartFailure {
        StartFailure(
            .dataFolder,
            "The data folder \(path) \(what); choose another with --data, or give this user the right"
        )
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
