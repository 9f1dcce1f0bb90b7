// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateSQLite
import Foundation
import GRDB
import Synchronization
import Testing

/// What happens to a log beside its commits.
@Suite("Event log's keeper", .timeLimit(.minutes(2))) struct EventLogKeeperTests {
    private let folder = EventLogTestFolder()

    private func large(_ number: Int, kilobytes: Int = 3 << 10) -> LoggedBatch {
        LoggedBatch(
            receivedAt: Int64(number),
            environment: "production",
            keyKind: "server",
            eventCount: 1,
            exposureCount: 0,
            rawSizeBytes: kilobytes << 10,
            payload: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: kilobytes << 10)
        )
    }

    private func size(_ name: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)[.size] as? Int) ?? 0
    }

    private func wait(until condition: () -> Bool) async throws {
        while !condition() { try await Task.sleep(for: .milliseconds(2)) }
    }

    @Test func `moves what was committed into the file while batches come`() async throws {
        let log = try folder.open()
        for number in 1...12 { _ = try await log.append(large(number)) }
        // All but what does not make another move due.
        try await wait { size("segment-00000001.sqlite") > 28 << 20 }
        #expect(log.status.segment == 1)
        #expect(try await log.read(after: 0, limit: 100).map(\.payload) == (1...12).map { large($0).payload })
        let crashed = try folder.crashed()
        await log.shutdown()
        #expect(folder.names == ["lock", "segment-00000001.sqlite"])
        let again = try crashed.open()
        #expect(try await again.read(after: 0, limit: 100).map(\.receivedAt) == Array(1...12))
        await again.shutdown()
    }

    @Test func `makes room for what comes, in this segment and the next`() async throws {
        var options = SQLiteEventLogOptions()
        options.segmentSizeBytes = 20 << 20
        let log = try folder.open(options)
        for number in 1...4 { _ = try await log.append(large(number, kilobytes: 5 << 10)) }
        try await wait { size("next-wal") > 12 << 20 && size("segment-00000001.sqlite-wal") > 12 << 20 }
        // What comes while the rest is still moved stays in the segment that is due.
        var count = 4
        repeat { count += 1 } while try await log.append(large(count, kilobytes: 1)) >> 32 == 1
        #expect(size("segment-00000002.sqlite-wal") > 12 << 20, "there was room before there was a batch")
        // Room is no content, whatever becomes of the process.
        let crashed = try folder.crashed()
        #expect(try await log.read(after: 0, limit: 1_000).map(\.receivedAt) == (1...count).map(Int64.init))
        await log.shutdown()
        #expect(log.status.sealedSegments == 1)
        #expect(folder.names == ["lock", "segment-00000001.sqlite", "segment-00000002.sqlite"])
        let again = try crashed.open(options)
        #expect(again.recoveryReport.resumed == 2)
        #expect(try await again.read(after: 0, limit: 1_000).map(\.receivedAt) == (1...count).map(Int64.init))
        await again.shutdown()
    }

    /// EV-1: the system puts zeros where the file ends, whoever makes it longer at the same time.
    @Test func `room that is made while batches come takes none of them`() async throws {
        let log = try folder.open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for number in stride(from: worker, to: 120, by: 4) {
                        _ = try await log.append(large(number, kilobytes: 300))
                    }
                }
            }
            try await group.waitForAll()
        }
        let crashed = try folder.crashed()
        await log.shutdown()
        let again = try crashed.open()
        #expect(again.recoveryReport.setAside.isEmpty)
        let found = try await again.read(after: 0, limit: 1_000)
        #expect(Set(found.map(\.receivedAt)) == Set(0..<120))
        #expect(found.allSatisfy { $0.payload == large(Int($0.receivedAt), kilobytes: 300).payload })
        await again.shutdown()
    }

    @Test func `writes the log beside the file from its beginning again when it has become long`() async throws {
        var options = SQLiteEventLogOptions()
        options.logSizeBytes = 8 << 20
        options.segmentSizeBytes = 256 << 20
        let log = try folder.open(options)
        for number in 1...24 { _ = try await log.append(large(number)) }
        #expect(log.status.segment == 1)
        #expect(size("segment-00000001.sqlite-wal") < 48 << 20, "it never had all of the 72 MiB")
        let crashed = try folder.crashed()
        await log.shutdown()
        let again = try crashed.open(options)
        #expect(try await again.read(after: 0, limit: 100).map(\.payload) == (1...24).map { large($0).payload })
        await again.shutdown()
    }

    @Test func `takes no room ahead of need on a disk that has little`() async throws {
        var options = SQLiteEventLogOptions()
        options.ampleBytes = .max
        options.segmentSizeBytes = 256 << 20
        let log = try folder.open(options)
        for number in 1...24 {
            _ = try await log.append(large(number))
            #expect(size("segment-00000001.sqlite-wal") < 32 << 20)
        }
        #expect(size("next-wal") == 0)
        #expect(try await log.read(after: 0, limit: 100).map(\.payload) == (1...24).map { large($0).payload })
        await log.shutdown()
    }

    @Test func `gives the room of its log back to a disk that is full`() async throws {
        let isFull = Mutex(false)
        var options = SQLiteEventLogOptions()
        options.willCommit = { _ in if isFull.withLock({ $0 }) { throw DatabaseError(resultCode: .SQLITE_FULL) } }
        let log = try folder.open(options)
        for number in 1...4 { _ = try await log.append(large(number)) }
        isFull.withLock { $0 = true }
        let error = await #expect(throws: EventLogError.self) { try await log.append(batch(5)) }
        #expect(error?.code == .full)
        try await wait { size("segment-00000001.sqlite-wal") == 0 && size("next-wal") == 0 }
        isFull.withLock { $0 = false }
        #expect(try await log.append(batch(6)) == 1 << 32 | 5)
        await log.shutdown()
    }

    @Test func `takes no notice of a segment that was being made at a crash`() async throws {
        let log = try folder.open()
        _ = try await log.append(batch(1))
        try await wait { size("next") > 0 }
        let crashed = try folder.crashed()
        await log.shutdown()
        for name in ["next", "next-wal", "next-shm"] {
            try Data("no segment".utf8).write(to: URL(fileURLWithPath: crashed.path + "/" + name))
        }
        #expect(try await crashed.reader.counts().batches == 1)
        let again = try crashed.open()
        #expect(again.recoveryReport.resumed == 1)
        #expect(try await again.append(batch(2)) == 1 << 32 | 2)
        await again.shutdown()
        #expect(crashed.names == ["lock", "segment-00000001.sqlite"])
    }

    @Test func `goes on without a segment made ahead where none can be made`() async throws {
        var options = SQLiteEventLogOptions()
        options.segmentSizeBytes = 1
        // Something that cannot be removed like a file stands in its place.
        let obstacle = folder.path + "/next/kept"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        let log = try folder.open(options)
        for number in 1...3 { #expect(try await log.append(batch(number)) == Int64(number) << 32 | 1) }
        await log.shutdown()
        #expect(log.status.sealedSegments == 2)
        #expect(FileManager.default.fileExists(atPath: obstacle))
    }
}
