// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The file that says up to where a log has reached the transport.
///
/// It may be behind, which costs a few batches that are sent again under their old ids.
struct PublishMark: Sendable {
    private let file: String

    /// Makes the mark in `file`, whose folder is there.
    init(file: String) {
        self.file = file
    }

    /// The position; 0 if there is no file that reads.
    func read() -> Int64 {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = Self.retrying { pread(descriptor, &bytes, 32, 0) }
        guard count > 0, bytes[count - 1] == UInt8(ascii: "\n"),
            let position = Int64(String(decoding: bytes[..<(count - 1)], as: UTF8.self)), position >= 0
        else { return 0 }
        return position
    }

    /// Writes `position`, so that it lasts over a loss of power.
    /// - Throws: `.failed` with what the system says.
    func write(_ position: Int64) throws(TransportError) {
        let draft = "\(file).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure() }
        let bytes = Array("\(position)\n".utf8)
        let isWritten = Self.retrying { pwrite(descriptor, bytes, bytes.count, 0) } == bytes.count
        let isSynced = isWritten && fsync(descriptor) == 0
        guard close(descriptor) == 0, isSynced, rename(draft, file) == 0 else { throw failure() }
        let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? "."
        let opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw failure() }
        defer { close(opened) }
        guard fsync(opened) == 0 else { throw failure() }
    }

    private func failure() -> TransportError {
        let reason = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
        return TransportError(.failed, "The mark \(file) cannot be written: \(reason)")
    }

    private static func retrying(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }
}
