// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateSQLite
import Foundation
import GRDB
import Synchronization
import Testing

@Suite("SQLite event log", .timeLimit(.minutes(3))) struct EventLogTests {
    private let folder = EventLogTestFolder()

    @Test func `keeps the promises of an event log`() async throws {
        let log = try folder.open()
        try await checkEventLog(log)
        await log.shutdown()
    }

    @Test func `keeps the promises of an event log over many small segments`() async throws {
        var options = SQLiteEventLogOptions()
        options.segmentSizeBytes = 1
        let log = try folder.open(options)
        try await checkEventLog(log)
        #expect(log.status.sealedSegments >= 5)
        #expect(try await folder.reader.counts() == log.counts())
        await log.shutdown()
    }

    @Test func `removes sealed segments that nobody needs any more, and never the newest`() async throws {
        var options = SQLiteEventLogOptions()
        options.segmentSizeBytes = 1
        let log = try folder.open(options)
        var positions: [Int64] = []
        for number in 1...5 { positions.append(try await log.append(batch(number))) }
        #expect(folder.names.count { $0.hasSuffix(".sqlite") } == 5)
        #expect(try await log.trim(through: positions[2], sealedBefore: 0) == 0, "none was sealed so long ago")
        #expect(try await log.trim(through: positions[2] - 1, sealedBefore: .max) == 2)
        #expect(try await log.trim(through: positions[2], sealedBefore: .max) == 1)
        #expect(try await log.read(after: 0, limit: 9).map(\.id) == Array(positions[3...]))
        #expect(try await log.counts().batches == 2)
        #expect(try await folder.reader.counts().batches == 2)
        #expect(try await log.trim(through: .max, sealedBefore: .max) == 1)
        await log.shutdown()
        let again = try folder.open(options)
        #expect(try await again.trim(through: .max, sealedBefore: .max) == 0)
        #expect(try await again.append(batch(6)) > positions[4], "positions are never given twice")
        await again.shutdown()
    }

    @Test func `has a log beside the file while it runs and one file when it is stopped`() async throws {
        let log = try folder.open()
        _ = try await log.append(batch(1))
        let status = log.status
        #expect(status.segment == 1)
        #expect(status.commits == 1)
        #expect(folder.names.contains("segment-00000001.sqlite-wal"), "write-ahead log is on")
        await log.shutdown()
        #expect(folder.names == ["lock", "segment-00000001.sqlite"], "a clean stop leaves one file")
    }

    @Test func `batches that arrive during a commit share the next one`() async throws {
        let gate = Gate()
        let sizes = Mutex<[Int]>([])
        var options = SQLiteEventLogOptions()
        options.willCommit = { count in
            sizes.withLock { $0.append(count) }
            gate.pass()
        }
        let log = try folder.open(options)
        try await withThrowingTaskGroup(of: Int64.self) { group in
            group.addTask { try await log.append(batch(0)) }
            await gate.waitForWriter()
            for number in 1...50 { group.addTask { try await log.append(batch(number)) } }
            while log.status.queuedBatches < 51 { await Task.yield() }
            gate.open()
            let positions = try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
            #expect(positions.count == 51)
        }
        #expect(sizes.withLock { $0 } == [1, 50])
        #expect(log.status.commits == 2)
        #expect(log.status.queuedBytes == 0)
        await log.shutdown()
    }

    @Test func `a full queue is overload, and it goes on when there is room`() async throws {
        let gate = Gate()
        var options = SQLiteEventLogOptions()
        options.queueCount = 4
        options.willCommit = { _ in gate.pass() }
        let log = try folder.open(options)
        try await withThrowingTaskGroup(of: Int64.self) { group in
            group.addTask { try await log.append(batch(0)) }
            await gate.waitForWriter()
            for number in 1...4 { group.addTask { try await log.append(batch(number)) } }
            while log.status.queuedBatches < 5 { await Task.yield() }
            #expect(!log.isAccepting)
            let error = await #expect(throws: EventLogError.self) { try await log.append(batch(9)) }
            #expect(error?.code == .overloaded)
            gate.open()
            for try await _ in group {}
        }
        #expect(log.isAccepting)
        #expect(try await log.counts().batches == 5)
        await log.shutdown()
    }

    @Test func `the queue is bounded in bytes too`() async throws {
        let gate = Gate()
        var options = SQLiteEventLogOptions()
        options.queueSizeBytes = 10_000
        options.willCommit = { _ in gate.pass() }
        let log = try folder.open(options)
        async let first = log.append(batch(0, padding: 9000))
        await gate.waitForWriter()
        async let second = log.append(batch(1))
        while log.status.queuedBatches < 2 { await Task.yield() }
        let error = await #expect(throws: EventLogError.self) { try await log.append(batch(2, padding: 9000)) }
        #expect(error?.code == .overloaded)
        gate.open()
        _ = try await (first, second)
        _ = try await log.append(batch(3, padding: 50_000))
        await log.shutdown()
    }

    @Test func `shutdown commits what waits and refuses what comes later`() async throws {
        let gate = Gate()
        var options = SQLiteEventLogOptions()
        options.willCommit = { _ in gate.pass() }
        let log = try folder.open(options)
        try await withThrowingTaskGroup(of: Int64.self) { group in
            group.addTask { try await log.append(batch(0)) }
            await gate.waitForWriter()
            for number in 1...20 { group.addTask { try await log.append(batch(number)) } }
            while log.status.queuedBatches < 21 { await Task.yield() }
            async let stopped: Void = log.shutdown()
            while log.isAccepting { await Task.yield() }
            let error = await #expect(throws: EventLogError.self) { try await log.append(batch(99)) }
            #expect(error?.code == .closed)
            gate.open()
            await stopped
            for try await _ in group {}
        }
        await log.shutdown()
        #expect(try await folder.reader.counts().batches == 21)
        let again = try folder.open()
        #expect(again.recoveryReport.resumed == 1)
        #expect(try await again.counts().batches == 21)
        await again.shutdown()
    }

    @Test func `runs until it is shut down or cancelled`() async throws {
        let log = try folder.open()
        async let running: Void = log.run()
        await log.shutdown()
        await running

        let other = try folder.open()
        let task = Task { await other.run() }
        task.cancel()
        await task.value
        #expect(other.status.isStopped)
    }

    @Test func `a log that is let go of gives up its folder`() async throws {
        do {
            let log = try folder.open()
            _ = try await log.append(batch(1))
        }
        var second: SQLiteEventLog?
        while second == nil {
            do { second = try folder.open() } catch let error as EventLogError where error.code == .locked {
                await Task.yield()
            }
        }
        #expect(try await second?.counts().batches == 1)
        await second?.shutdown()
    }

    @Test func `a second writer is told who the first is`() async throws {
        let log = try folder.open()
        let error = #expect(throws: EventLogError.self) { try folder.open() }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("process \(getpid())") == true)
        await log.shutdown()
        let next = try folder.open()
        await next.shutdown()
    }

    @Test func `says so when there can be no folder`() throws {
        let path = folder.path
        #expect(FileManager.default.createFile(atPath: path, contents: Data()))
        let error = #expect(throws: EventLogError.self) { try folder.open() }
        #expect(error?.code == .storage)
    }

    @Test func `seals by age, also when nothing comes`() async throws {
        let clock = Mutex<Int64>(1_000)
        var options = SQLiteEventLogOptions()
        options.segmentAge = .milliseconds(1)
        let log = try folder.open(options) { clock.withLock { $0 } }
        _ = try await log.append(batch(1))
        #expect(log.status.segment == 1)
        clock.withLock { $0 += 1 }
        while log.status.sealedSegments == 0 { await Task.yield() }
        #expect(log.status.segment == nil)
        let second = try await log.append(batch(2))
        #expect(second == 2 << 32 | 1, "a position is the segment's number and the row")
        #expect(try await log.read(after: 0, limit: 9).map(\.receivedAt) == [1, 2])
        await log.shutdown()
    }

    @Test func `a sealed segment is one read-only file with its sums`() async throws {
        var options = SQLiteEventLogOptions()
        options.segmentSizeBytes = 1
        let log = try folder.open(options)
        for number in 1...3 { _ = try await log.append(batch(number)) }
        await log.shutdown()
        #expect(
            folder.names == ["lock", "segment-00000001.sqlite", "segment-00000002.sqlite", "segment-00000003.sqlite"]
        )
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/segment-00000001.sqlite")
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o444)
        let again = try folder.open(options)
        #expect(again.recoveryReport.segments == 3)
        #expect(try await again.counts().batches == 3)
        #expect(try await again.append(batch(4)) == 4 << 32 | 1)
        await again.shutdown()
    }
}
