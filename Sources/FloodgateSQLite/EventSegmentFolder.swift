// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest
internal import Foundation

/// The folder of an event log: `segment-00000001.sqlite` and onwards, what was set aside, and the writer's lock.
package struct EventSegmentFolder: Sendable {
    private static let prefix = "segment-"
    private static let suffix = ".sqlite"
    /// Positions have 31 bits for the number of the segment.
    static let largestNumber: Int64 = Int64(Int32.max)

    package let path: String

    /// Names a folder; nothing is opened.
    package init(path: String) { self.path = path }

    func name(of number: Int64) -> String {
        let digits = String(number)
        return Self.prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + Self.suffix
    }

    func path(of number: Int64) -> String { path + "/" + name(of: number) }

    /// The number of a segment's file, also of one that was set aside; nil for any other name.
    private func number(of name: String) -> (number: Int64, isSetAside: Bool)? {
        guard name.hasPrefix(Self.prefix) else { return nil }
        let digits = name.dropFirst(Self.prefix.count).prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), 1...Self.largestNumber ~= number else { return nil }
        if name == self.name(of: number) { return (number, false) }
        return name.hasPrefix(self.name(of: number) + ".") ? (number, true) : nil
    }

    /// Makes the folder; its entry in its parent is durable with the first segment.
    package func create() throws(EventLogError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw EventLogError(.storage, "The folder \(path) cannot be made; check its permissions", cause: error)
        }
    }

    /// The numbers of all segments, rising, and the highest number that was ever used.
    ///
    /// What has the name of a segment but is no file is none, and its number is not used either.
    func segments() throws(EventLogError) -> (numbers: [Int64], highest: Int64) {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw EventLogError(.storage, "The event log's folder \(path) cannot be read", cause: error)
        }
        let found = names.compactMap(number(of:))
        let numbers = found.filter { !$0.isSetAside && isFile($0.number) }.map(\.number).sorted()
        return (numbers, found.map(\.number).max() ?? 0)
    }

    private func isFile(_ number: Int64) -> Bool {
        var status = stat()
        return stat(path(of: number), &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    func exists(_ number: Int64) -> Bool { FileManager.default.fileExists(atPath: path(of: number)) }

    /// Renames a segment that cannot be used, with what belongs to it; nothing is ever deleted.
    /// - Returns: The new name of the file.
    func setAside(_ number: Int64, now: Int64) throws(EventLogError) -> String {
        let old = path(of: number)
        var stamp = now
        while FileManager.default.fileExists(atPath: "\(old).corrupt-\(stamp)") { stamp += 1 }
        let new = "\(old).corrupt-\(stamp)"
        guard rename(old, new) == 0 else {
            let reason = String(cString: strerror(errno))
            throw EventLogError(.storage, "\(old) is corrupt and cannot be renamed: \(reason)")
        }
        // The log of the file, under the name that SQLite looks for beside the new one.
        for part in ["-wal", "-shm", "-journal"] where FileManager.default.fileExists(atPath: old + part) {
            _ = rename(old + part, new + part)
        }
        try? sync()
        return "\(name(of: number)).corrupt-\(stamp)"
    }

    /// Whether SQLite has left a log beside the segment, as it does until it has been closed properly.
    func hasLogs(_ number: Int64) -> Bool {
        ["-wal", "-journal"].contains { FileManager.default.fileExists(atPath: path(of: number) + $0) }
    }

    /// Writes what SQLite has left beside the segment over itself and syncs it, so that all of it is on the disk.
    ///
    /// What a sync failed to write counts as written. A process that is killed then leaves a transaction that
    /// the next one finds whole, and appends to; what that acknowledges is lost with the gap before it.
    func renewLogs(_ number: Int64) throws(EventLogError) {
        for part in ["-wal", "-journal"] { try Self.renew(path(of: number) + part) }
    }

    private static func renew(_ log: String) throws(EventLogError) {
        let file = open(log, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return }
            throw failure(log)
        }
        // SQLite's locks, which this would end, are on other files.
        defer { _ = close(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        var offset: off_t = 0
        while true {
            let count = pread(file, &bytes, bytes.count, offset)
            // SQLite reads up to the first frame that is none: nothing of it is behind so many zeros.
            if count == 0 || count > 0 && bytes.prefix(count).allSatisfy({ $0 == 0 }) { break }
            guard count > 0, pwrite(file, bytes, count, offset) == count else { throw failure(log) }
            offset += off_t(count)
        }
        guard offset == 0 || fsync(file) == 0 else { throw failure(log) }
    }

    private static func failure(_ log: String) -> EventLogError {
        EventLogError(.storage, "\(log) cannot be written anew: \(String(cString: strerror(errno)))")
    }

    /// Writes a file of `size` bytes, syncs it and removes it again.
    /// - Throws: `.full` if there is no room for it, `.storage` for any other reason.
    func tryWriting(_ size: Int) throws(EventLogError) {
        let path = path + "/trial"
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Self.refusal(path) }
        defer {
            _ = close(file)
            _ = unlink(path)
        }
        let bytes = [UInt8](repeating: 0x55, count: 1 << 16)
        var offset = 0
        while offset < size {
            let count = pwrite(file, bytes, min(bytes.count, size - offset), off_t(offset))
            guard count > 0 else { throw Self.refusal(path) }
            offset += count
        }
        guard fsync(file) == 0 else { throw Self.refusal(path) }
    }

    /// Bytes that the disk has room for.
    var freeBytes: Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return .max }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : Int(clamping: bytes)
    }

    static func refusal(_ path: String) -> EventLogError {
        let code = [ENOSPC, EDQUOT].contains(errno) ? EventLogError.Code.full : .storage
        return EventLogError(code, "\(path) cannot be written: \(String(cString: strerror(errno)))")
    }

    /// Marks a sealed segment as not to be written.
    func protect(_ number: Int64) { _ = chmod(path(of: number), 0o444) }

    /// Takes that mark away.
    func unprotect(_ number: Int64) { _ = chmod(path(of: number), 0o644) }

    /// Makes the names in the folder and its own durable, or a file that is synced may be gone after a loss of power.
    func sync() throws(EventLogError) {
        try Self.sync(path)
        try Self.sync((path as NSString).deletingLastPathComponent)
    }

    private static func sync(_ folder: String) throws(EventLogError) {
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // A parent that may be passed through, but not read, has been there before.
        guard descriptor >= 0 else { return }
        defer { _ = close(descriptor) }
        // Some file systems have no such call for folders.
        guard fsync(descriptor) != 0, errno != EINVAL, errno != ENOTSUP else { return }
        throw EventLogError(.storage, "The folder \(folder) cannot be synced: \(String(cString: strerror(errno)))")
    }
}
