// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateIngest
internal import Foundation

/// A segment made before it is needed: a file with its tables, and beside it a log that has room on the disk but no content.
struct EventSegmentSpare: Sendable {
    let number: Int64
    private let folder: EventSegmentFolder
    private var hasLog = false

    /// Makes the files under a name that no reader takes for a segment.
    init(number: Int64, in folder: EventSegmentFolder, now: Int64) throws(EventLogError) {
        self.number = number
        self.folder = folder
        folder.removeSpare()
        do {
            try EventSegment.make(number: number, at: folder.sparePath, now: now)
        } catch {
            folder.removeSpare()
            throw error
        }
    }

    /// Gives the log beside it so much room, if it has less.
    mutating func widen(to bytes: Int) throws(EventLogError) {
        hasLog = true
        try folder.widen(logOf: folder.sparePath, to: bytes)
    }

    /// Makes it the segment that its number says; the names are durable when the folder is synced.
    func take() throws(EventLogError) {
        guard !folder.exists(number) else {
            throw EventLogError(.storage, "\(folder.path(of: number)) is there already")
        }
        // The log first: one without its file is nothing, and whoever opens the file before the log is there makes another.
        if hasLog { try folder.rename(folder.sparePath + "-wal", folder.path(of: number) + "-wal") }
        try folder.rename(folder.sparePath, folder.path(of: number))
    }
}

extension EventSegmentFolder {
    fileprivate var sparePath: String { path + "/next" }

    /// Deletes what was made for a segment that is not there yet; nothing was ever kept in it.
    func removeSpare() { for part in ["", "-wal", "-shm", "-journal"] { _ = unlink(sparePath + part) } }

    fileprivate func rename(_ old: String, _ new: String) throws(EventLogError) {
        guard Foundation.rename(old, new) == 0 else {
            throw EventLogError(.storage, "\(old) cannot be renamed: \(String(cString: strerror(errno)))")
        }
    }

    /// Gives the log beside a segment so much room on the disk, if it has less; its writer may go on meanwhile.
    ///
    /// A commit into room that a file has already is a sync of content and no more. One that makes the file longer also waits for
    /// the file system's journal, and so for whatever else is written on the machine. While room is made here, some do.
    func widen(_ number: Int64, to bytes: Int) throws(EventLogError) { try widen(logOf: path(of: number), to: bytes) }

    fileprivate func widen(logOf segment: String, to bytes: Int) throws(EventLogError) {
        let path = segment + "-wal"
        // Zeros go where the file ends at that moment, which the system sees to: never over what was just written.
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Self.refusal(path) }
        defer { _ = close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw Self.refusal(path) }
        var missing = bytes - Int(status.st_size)
        guard missing > 0 else { return }
        let zeros = [UInt8](repeating: 0, count: min(missing, 1 << 18))
        while missing > 0 {
            let written = write(file, zeros, min(zeros.count, missing))
            guard written > 0 else { throw Self.refusal(path) }
            missing -= written
        }
        guard fdatasync(file) == 0 else { throw Self.refusal(path) }
    }
}
