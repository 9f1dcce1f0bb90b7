// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateSQLite
import FloodgateTestSupport
import Foundation
import GRDB
import Synchronization
import Testing

@Suite("SQLite event log under faults", .timeLimit(.minutes(5))) struct EventLogFaultTests {
    private let folder = EventLogTestFolder()

    /// EV-1, LOG-3: a copy of the files, taken at whatever moment, holds all that had been acknowledged by then.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `loses nothing that was acknowledged, wherever it stops`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let folder = EventLogTestFolder()
        let crash = Crash(folder, atCommit: Int.random(in: 0..<10, using: &random))
        var options = SQLiteEventLogOptions()
        options.segmentSizeBytes = Int64.random(in: 20_000...200_000, using: &random)
        // Every other time it is not the writer that stops at a commit, but the test that copies while the writer runs.
        if seed.isMultiple(of: 2) { options.willCommit = { _ in try crash.willCommit() } }
        let log = try folder.open(options)
        let total = Int.random(in: 40...120, using: &random)
        let crashAt = Int.random(in: 0..<total, using: &random)
        let padding = Int.random(in: 0...4000, using: &random)

        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for number in stride(from: worker, to: total, by: 4) {
                        _ = try await log.append(batch(number, padding: padding))
                        crash.acknowledge(number)
                    }
                }
            }
            if !seed.isMultiple(of: 2) {
                while crash.acknowledgedCount < crashAt { await Task.yield() }
                try crash.happen()
            }
            for try await _ in group {}
        }
        await log.shutdown()
        let (files, acknowledged) = try #require(crash.outcome)

        // As it was, and with a write that was cut off.
        for attempt in 1...2 {
            let after = try files.crashed()
            if attempt == 2 {
                try after.tear(Data((0..<9000).map { _ in UInt8.random(in: 0...255, using: &random) }))
            }
            let recovered = try after.open()
            #expect(recovered.recoveryReport.setAside.isEmpty)
            let found = try await recovered.read(after: 0, limit: 10_000)
            let numbers = found.map { Int($0.receivedAt) }
            #expect(Set(numbers).count == numbers.count, "each once")
            #expect(acknowledged.isSubset(of: numbers), "attempt \(attempt): an acknowledged batch is missing")
            #expect(try await recovered.counts().batches == Int64(found.count))
            for batch in found { _ = try batch.unpack() }
            let next = try await recovered.append(batch(1_000_000))
            #expect(next > (found.last?.id ?? 0), "positions rise over a crash")
            await recovered.shutdown()
        }
    }

    /// EV-8.
    @Test func `a disk error fails the batch, seals what there is and begins a new segment`() async throws {
        let fails = Mutex(false)
        var options = SQLiteEventLogOptions()
        options.willCommit = { _ in
            if fails.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_IOERR_FSYNC) }
        }
        let clock = Mutex<Int64>(0)
        let log = try folder.open(options) { clock.withLock { $0 } }
        #expect(try await log.append(batch(1)) == 1 << 32 | 1)
        fails.withLock { $0 = true }
        for number in 2...4 {
            let error = await #expect(throws: EventLogError.self) { try await log.append(batch(number)) }
            #expect(error?.code == .storage)
            #expect(log.status.isHealthy == (number < 4), "the third failure within a minute is one too many")
        }
        for _ in 0..<100 { await #expect(throws: EventLogError.self) { try await log.append(batch(4)) } }
        #expect(folder.names.count { $0.hasSuffix(".sqlite") } == 3, "no new segment for each failure")
        fails.withLock { $0 = false }
        clock.withLock { $0 += 250 }
        #expect(try await log.append(batch(5)) == 4 << 32 | 1, "no batch goes into a segment that failed")
        #expect(log.status.isHealthy)
        #expect(log.status.failures == [.storage: 103])
        #expect(try await log.read(after: 0, limit: 9).map(\.receivedAt) == [1, 5])
        #expect(try await log.counts().batches == 2)
        #expect(log.status.sealedSegments == 3, "each before the next one is begun")
        #expect(try await log.segments().map(\.isSealed) == [true, true, true, false])
        await log.shutdown()
        let again = try folder.open()
        #expect(again.recoveryReport.sealed == [])
        #expect(again.recoveryReport.resumed == 4)
        #expect(try await again.counts().batches == 2)
        await again.shutdown()
    }

    /// EV-9, in part.
    @Test func `a full disk fails the batch and is over when there is room`() async throws {
        let isFull = Mutex(false)
        var options = SQLiteEventLogOptions()
        options.willCommit = { _ in if isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL) } }
        let log = try folder.open(options)
        _ = try await log.append(batch(1))
        isFull.withLock { $0 = true }
        let error = await #expect(throws: EventLogError.self) { try await log.append(batch(2)) }
        #expect(error?.code == .full)
        isFull.withLock { $0 = false }
        #expect(try await log.append(batch(3)) == 1 << 32 | 2, "in the same segment")
        #expect(try await log.read(after: 0, limit: 9).map(\.receivedAt) == [1, 3])
        await log.shutdown()
    }

    /// LOG-2: cut, flip, fill with zeros, replace by noise.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func `sets a damaged segment aside, or reads it, but never stops and never deletes`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let folder = EventLogTestFolder()
        let log = try folder.open()
        for number in 1...40 { _ = try await log.append(batch(number, padding: 3000)) }
        await log.shutdown()

        let path = folder.path + "/segment-00000001.sqlite"
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        let size = data.count
        switch seed % 4 {
        case 0: data = data.prefix(Int.random(in: 1..<size, using: &random))
        case 1:
            for _ in 0..<20 {
                data[Int.random(in: 0..<size, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            }
        case 2:
            let start = Int.random(in: 0..<size, using: &random)
            data.replaceSubrange(start..., with: Data(count: size - start))
        default: data = Data((0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        try data.write(to: URL(fileURLWithPath: path))

        let again = try folder.open { 1234 }
        let report = again.recoveryReport
        if let part = report.setAside.first {
            #expect(part.name == "segment-00000001.sqlite")
            #expect(part.newName == "segment-00000001.sqlite.corrupt-1234")
            #expect(!part.reason.isEmpty)
            #expect(folder.names.contains(part.newName))
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + part.newName)) == data)
            let next: Int64 = part.salvage.segment == nil ? 2 : 3
            #expect(try await again.append(batch(99)) == next << 32 | 1, "no position is used twice")
        } else {
            let position = try await again.append(batch(99))
            #expect(position > 40)
        }
        if seed % 4 == 3 { #expect(report.setAside.count == 1) }
        await again.shutdown()
        let third = try folder.open()
        #expect(third.recoveryReport.setAside.isEmpty, "what was set aside stays aside")
        await third.shutdown()
    }

    /// LOG-6.
    @Test func `refuses what a newer Floodgate wrote and leaves it as it is`() async throws {
        let log = try folder.open()
        _ = try await log.append(batch(1))
        await log.shutdown()
        let path = folder.path + "/segment-00000001.sqlite"
        let database = try DatabaseQueue(path: path)
        try await database.write { try $0.execute(sql: "PRAGMA user_version = 99") }
        try database.close()
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let error = #expect(throws: EventLogError.self) { try folder.open() }
        #expect(error?.code == .unsupportedVersion)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        let reading = await #expect(throws: EventLogError.self) { try await folder.reader.counts() }
        #expect(reading?.code == .unsupportedVersion)
    }

    @Test func `takes a file without content, as a crash may leave, for a new segment`() async throws {
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        #expect(FileManager.default.createFile(atPath: folder.path + "/segment-00000003.sqlite", contents: Data()))
        #expect(FileManager.default.createFile(atPath: folder.path + "/notes.txt", contents: Data("x".utf8)))
        #expect(try await folder.reader.counts() == EventCounts())
        let log = try folder.open()
        #expect(log.recoveryReport.setAside.isEmpty)
        #expect(try await log.append(batch(1)) == 3 << 32 | 1)
        await log.shutdown()
    }
}

/// A moment at which the files are copied, and what the log had said yes to by then.
private final class Crash: Sendable {
    private struct State {
        var acknowledged: Set<Int> = []
        var commits = 0
        var outcome: (files: EventLogTestFolder, acknowledged: Set<Int>)?
    }

    private let folder: EventLogTestFolder
    private let commit: Int
    private let state = Mutex(State())

    init(_ folder: EventLogTestFolder, atCommit commit: Int) {
        self.folder = folder
        self.commit = commit
    }

    var outcome: (files: EventLogTestFolder, acknowledged: Set<Int>)? { state.withLock { $0.outcome } }
    var acknowledgedCount: Int { state.withLock { $0.acknowledged.count } }

    func acknowledge(_ number: Int) { state.withLock { _ = $0.acknowledged.insert(number) } }

    /// On the writer's thread, inside a transaction: the files stand still, and whatever is acknowledged is in them.
    func willCommit() throws {
        let commits = state.withLock { state in
            state.commits += 1
            return state.commits - 1
        }
        guard commits == commit else { return }
        let files = try folder.crashed()
        // After the copy, so that a yes that came before its commit has had time to be heard.
        state.withLock { $0.outcome = (files, $0.acknowledged) }
    }

    /// Anywhere else.
    func happen() throws {
        let (files, acknowledged) = try folder.crashed { state.withLock { $0.acknowledged } }
        state.withLock { $0.outcome = (files, acknowledged) }
    }
}
