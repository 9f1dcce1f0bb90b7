// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The few things that followers do to files, so that tests can fail any of them.
package protocol ExportVolume: Sendable {
    /// Makes a folder, and those around it, that survive a crash.
    func make(folder: String) throws(EventLogError)
    /// Adds `bytes` to the end of a file, which is made if it is not there; they may be lost in a crash until `sync`.
    func append(_ bytes: [UInt8], to path: String) throws(EventLogError)
    /// Has what was written to a file or folder on the disk.
    func sync(_ path: String) throws(EventLogError)
    /// Gives a file its place, whatever was there; to be followed by `sync` of the folder.
    func move(_ path: String, to place: String) throws(EventLogError)
    /// Removes a file if it is there.
    func remove(_ path: String) throws(EventLogError)
    /// What is in a file; nil if there is none.
    func read(_ path: String) throws(EventLogError) -> [UInt8]?
}

/// `ExportVolume` on the machine's disks.
package struct DiskVolume: ExportVolume {
    package init() {}

    package func make(folder: String) throws(EventLogError) {
        var status = stat()
        if stat(folder, &status) == 0 { return }
        let parent = (folder as NSString).deletingLastPathComponent
        if !parent.isEmpty, parent != folder { try make(folder: parent) }
        // Another node may have made it in the same moment.
        guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw Self.error("\(folder) cannot be made") }
        try sync(parent.isEmpty ? "." : parent)
    }

    package func append(_ bytes: [UInt8], to path: String) throws(EventLogError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.error("\(path) cannot be opened") }
        defer { close(descriptor) }
        let isWritten = bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
        guard isWritten else { throw Self.error("\(path) cannot be written") }
    }

    package func sync(_ path: String) throws(EventLogError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error("\(path) cannot be opened") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.error("\(path) cannot be synced") }
    }

    package func move(_ path: String, to place: String) throws(EventLogError) {
        guard rename(path, place) == 0 else { throw Self.error("\(place) cannot be put in its place") }
    }

    package func remove(_ path: String) throws(EventLogError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw Self.error("\(path) cannot be removed") }
    }

    package func read(_ path: String) throws(EventLogError) -> [UInt8]? {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return nil }
        guard let content = FileManager.default.contents(atPath: path) else {
            throw Self.error("\(path) cannot be read")
        }
        return Array(content)
    }

    private static func error(_ what: String) -> EventLogError {
        let code = errno
        let isFull = code == ENOSPC || code == EDQUOT
        return EventLogError(isFull ? .full : .storage, "\(what): \(String(cString: strerror(code)))")
    }
}

/// What a follower must remember, in a small file that is there whole or not at all.
struct FollowerFile: Sendable {
    let path: String
    let volume: any ExportVolume

    /// What was last written; nil if that is nothing.
    func read() throws(EventLogError) -> [UInt8]? { try volume.read(path) }

    /// Keeps `bytes`; on return they are on the disk.
    func write(_ bytes: [UInt8]) throws(EventLogError) {
        let draft = path + ".new"
        try volume.remove(draft)
        try volume.append(bytes, to: draft)
        try volume.sync(draft)
        try volume.move(draft, to: path)
        try volume.sync((path as NSString).deletingLastPathComponent)
    }
}
