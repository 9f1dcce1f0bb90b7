// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateSQLite
import Foundation
import GRDB
import Synchronization
import Testing

/// EV-8 and EV-9: what becomes of a log whose disk failed, while it runs.
@Suite("Event log after a disk error") final class EventLogMendingTests: Sendable {
    private let folder = EventLogTestFolder()
    private let clock = Mutex<Int64>(0)
    private let failure = Mutex<ResultCode?>(nil)

    private func open() throws -> SQLiteEventLog {
        var options = SQLiteEventLogOptions()
        options.mendInterval = .milliseconds(2)
        options.commitSizeBytes = 1 << 16
        options.willCommit = { [self] _ in
            if let code = failure.withLock({ $0 }) { throw DatabaseError(resultCode: code) }
        }
        return try folder.open(options) { [self] in clock.withLock { $0 } }
    }

    /// Until `condition` holds, while the clock goes on by `step` milliseconds a look.
    private func wait(_ step: Int64, until condition: () -> Bool) async throws {
        while !condition() {
            clock.withLock { $0 += step }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    @Test(arguments: [(ResultCode.SQLITE_IOERR, EventLogError.Code.storage), (.SQLITE_FULL, .full)])
    func `finds out by itself that the disk is well again, without a batch`(
        code: ResultCode,
        trouble: EventLogError.Code
    ) async throws {
        let log = try open()
        #expect(try await log.append(batch(1)) == 1 << 32 | 1)
        failure.withLock { $0 = code }
        for _ in 0..<3 { await #expect(throws: EventLogError.self) { try await log.append(batch(2)) } }
        #expect(log.trouble == trouble)
        // It is tried, and it is not well.
        for _ in 0..<20 {
            clock.withLock { $0 += 1_000 }
            try await Task.sleep(for: .milliseconds(3))
        }
        #expect(log.trouble == trouble)
        failure.withLock { $0 = nil }
        try await wait(1_000) { log.trouble == nil }
        _ = try await log.append(batch(3))
        #expect(try await log.read(after: 0, limit: 9).map(\.receivedAt) == [1, 3])
        #expect(try await log.counts().batches == 2)
        #expect(!folder.names.contains("trial"))
        await log.shutdown()
        #expect(log.trouble == .closed)
    }

    @Test func `seals the segment that was given up before another has a batch`() async throws {
        let log = try open()
        for number in 1...5 { _ = try await log.append(batch(number)) }
        failure.withLock { $0 = .SQLITE_IOERR }
        await #expect(throws: EventLogError.self) { try await log.append(batch(6)) }
        failure.withLock { $0 = nil }
        #expect(try await log.append(batch(7)) == 2 << 32 | 1)
        let segments = try await log.segments()
        #expect(segments.map(\.isSealed) == [true, false])
        #expect(segments.map { $0.entries.values.reduce(0) { $0 + $1.events } } == [5, 1])
        // Whoever loads it all may remove it.
        let removed = try await log.trim(through: 1 << 32 | 0xFFFF_FFFF, sealedBefore: .max, only: [1])
        #expect(removed == 1)
        #expect(try await log.counts().batches == 1)
        await log.shutdown()
    }

    @Test
    func `reads a segment that the disk error has damaged as far as it goes, and sets it aside at the next start`()
        async throws
    {
        let log = try open()
        for number in 1...40 { _ = try await log.append(batch(number, padding: 3_000)) }
        failure.withLock { $0 = .SQLITE_IOERR }
        await #expect(throws: EventLogError.self) { try await log.append(batch(41)) }
        // The file is closed now; a page in its middle is not what was written.
        let path = folder.path + "/segment-00000001.sqlite"
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        let middle = data.count / 2 / 4_096 * 4_096
        data.replaceSubrange(middle..<(middle + 4_096), with: Data(repeating: 0xAA, count: 4_096))
        try data.write(to: URL(fileURLWithPath: path))
        failure.withLock { $0 = nil }
        #expect(try await log.append(batch(42)) == 2 << 32 | 1)
        #expect(log.status.sealedSegments == 0)
        let found = try await log.read(after: 0, limit: 99).map(\.receivedAt)
        #expect(found.last == 42)
        #expect((30...41).contains(found.count), "all but what the page has hit")
        _ = try await log.append(batch(43))
        #expect(try await log.read(after: 2 << 32 | 1, limit: 9).map(\.receivedAt) == [43], "nothing moves meanwhile")
        await log.shutdown()

        let next = try open()
        #expect(folder.names.contains { $0.hasPrefix("segment-00000001.sqlite.corrupt-") })
        #expect(try await next.read(after: 0, limit: 99).map(\.receivedAt).sorted() == found + [43])
        #expect(try await next.append(batch(44)) > 3 << 32, "behind what was saved")
        await next.shutdown()
    }

    @Test func `takes up what it could not settle when the folder can be written to again`() async throws {
        let log = try open()
        _ = try await log.append(batch(1))
        failure.withLock { $0 = .SQLITE_IOERR }
        await #expect(throws: EventLogError.self) { try await log.append(batch(2)) }
        // Something that no segment is in its place, so that it cannot be opened.
        let path = folder.path + "/segment-00000001.sqlite"
        try FileManager.default.moveItem(atPath: path, toPath: folder.path + "/kept")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        failure.withLock { $0 = nil }
        #expect(try await log.append(batch(3)) == 2 << 32 | 1, "the log goes on meanwhile")
        #expect(log.status.sealedSegments == 0)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: folder.path + "/kept", toPath: path)
        try await wait(10) { log.status.sealedSegments == 1 }
        #expect(try await log.segments().map(\.isSealed) == [true, false])
        #expect(try await log.read(after: 0, limit: 9).map(\.receivedAt) == [1, 3])
        await log.shutdown()
    }
}
