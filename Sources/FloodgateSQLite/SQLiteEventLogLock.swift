// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateIngest
internal import Foundation
internal import Synchronization

/// The right to write to an event log's folder; the kernel gives it back when the process ends, however it ends.
final class SQLiteEventLogLock: Sendable {
    private let descriptor: Mutex<Int32?>

    /// - Throws: `.locked` with the number of the process that has the lock; `.storage` if there can be none.
    init(folder: String) throws(EventLogError) {
        let path = folder + "/lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw EventLogError(.storage, "\(path) cannot be opened (\(reason)); check the folder's permissions")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure = errno
            let owner = Self.owner(descriptor)
            _ = close(descriptor)
            guard failure == EWOULDBLOCK else {
                throw EventLogError(.storage, "\(path) cannot be locked: \(String(cString: strerror(failure)))")
            }
            let who = owner.map { "process \($0)" } ?? "another process"
            throw EventLogError(
                .locked,
                "The event log in \(folder) is in use by \(who); stop it or choose another data folder"
            )
        }
        self.descriptor = Mutex(descriptor)
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit { release() }

    /// Lets others write; the second time it does nothing.
    func release() {
        let held = descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        if let held { _ = close(held) }
    }

    private static func owner(_ descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: bytes[..<count].prefix { 0x30...0x39 ~= $0 }, as: UTF8.self))
    }
}
