// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateSQLite
import FloodgateTestSupport
import Foundation
import GRDB
import Testing

/// LOG-2: what a damaged segment still has.
@Suite("Damaged segments of an event log", .timeLimit(.minutes(5))) struct EventLogSalvageTests {
    private let folder = EventLogTestFolder()
    private static let pageSize = 1 << 14

    /// All at once, so that they share commits.
    private func append(_ count: Int, to log: SQLiteEventLog) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...count { group.addTask { _ = try await log.append(batch(number, padding: 16_000)) } }
            try await group.waitForAll()
        }
    }

    /// A segment of `count` batches of about a page each, with `pages` of it overwritten, and what it had.
    private func spoiled(
        _ folder: EventLogTestFolder,
        count: Int,
        isSealed: Bool,
        pages: (Int) -> [Int]
    ) async throws -> [LoggedBatch] {
        var options = SQLiteEventLogOptions()
        if isSealed { options.segmentSizeBytes = 1 }
        let log = try folder.open()
        try await append(count, to: log)
        let batches = try await log.read(after: 0, limit: 1000)
        await log.shutdown()
        if isSealed {
            // The first append seals what is there, and goes to the next segment.
            let next = try folder.open(options)
            _ = try await next.append(batch(1000))
            await next.shutdown()
        }
        let path = folder.path + "/segment-00000001.sqlite"
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        for page in pages(data.count / Self.pageSize) {
            data.replaceSubrange(page * Self.pageSize..<(page + 1) * Self.pageSize, with: Data(count: Self.pageSize))
        }
        #expect(chmod(path, 0o644) == 0)
        try data.write(to: URL(fileURLWithPath: path))
        return batches
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `keep every batch outside the damage, in a new segment`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let folder = EventLogTestFolder()
        var damage: [Int] = []
        let before = try await spoiled(folder, count: 40, isSealed: false) { pages in
            // Behind the schema and the roots of the tables, where a page has a batch or is the rest of one.
            damage = (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 5..<pages, using: &random) }
            return damage
        }
        let log = try folder.open()
        let part = try #require(log.recoveryReport.setAside.first)
        let found = try await log.read(after: 0, limit: 1000)
        #expect(found.count < before.count)
        #expect(found.count >= before.count - damage.count, "a page costs one batch at most: \(damage)")
        let known = Dictionary(uniqueKeysWithValues: before.map { ($0.receivedAt, $0.payload) })
        #expect(found.allSatisfy { known[$0.receivedAt] == $0.payload }, "nothing is made up")
        #expect(
            found.map(\.receivedAt) == before.map(\.receivedAt).filter(Set(found.map(\.receivedAt)).contains),
            "in order"
        )
        #expect(found.allSatisfy { $0.id >> 32 == 2 })
        #expect(part.salvage.segment == 2)
        #expect(part.salvage.batches == Int64(found.count))
        #expect(part.salvage.events == Int64(found.count))
        #expect(try await log.counts().batches == Int64(found.count))
        #expect(folder.names.contains(part.newName), "the file itself stays")
        #expect(try await log.append(batch(99)) == 3 << 32 | 1, "what comes later has a higher position")
        await log.shutdown()
        let again = try folder.open()
        #expect(again.recoveryReport.setAside.isEmpty)
        #expect(try await again.counts().batches == Int64(found.count) + 1)
        await again.shutdown()
    }

    @Test func `are read as far as they go where they lie, while the log runs`() async throws {
        let before = try await spoiled(folder, count: 40, isSealed: true) { [$0 / 2] }
        let log = try folder.open()
        #expect(log.recoveryReport.setAside.isEmpty, "a start looks at the heads of sealed segments only")
        var found: [LoggedBatch] = []
        while true {
            let more = try await log.read(after: found.last?.id ?? 0, limit: 7)
            guard !more.isEmpty else { break }
            found += more
        }
        #expect(found.last?.receivedAt == 1000, "the next segment is reached")
        let rest = Array(found.dropLast())
        #expect(rest.count == before.count - 1)
        #expect(rest.allSatisfy { before.contains($0) })
        await log.shutdown()
    }

    @Test func `say how many events are gone where the sums can be read`() async throws {
        _ = try await spoiled(folder, count: 40, isSealed: true) { [$0 / 2, $0 / 3] }
        // As a kill in the midst of the seal's last step leaves it, so that the next start looks at all of it.
        let journal = folder.path + "/segment-00000001.sqlite-journal"
        #expect(FileManager.default.createFile(atPath: journal, contents: Data()))
        let log = try folder.open()
        let part = try #require(log.recoveryReport.setAside.first)
        #expect(part.salvage.events == 38)
        #expect(part.salvage.lostEvents == 2)
        #expect(part.salvage.segment == 3)
        #expect(try await log.append(batch(99)) == 4 << 32 | 1, "nothing is appended below what was salvaged")
        await log.shutdown()
    }

    @Test func `do not keep the log from starting if they cannot be opened`() async throws {
        let log = try folder.open()
        _ = try await log.append(batch(1))
        await log.shutdown()
        // Where SQLite wants to have a file, so that each call of the system fails.
        let path = folder.path + "/segment-00000001.sqlite-wal"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let again = try folder.open()
        #expect(again.recoveryReport.unopened == [1])
        #expect(again.recoveryReport.setAside.isEmpty)
        #expect(try await again.append(batch(2)) == 2 << 32 | 1)
        await again.shutdown()
        try FileManager.default.removeItem(atPath: path)
        let third = try folder.open()
        #expect(third.recoveryReport.unopened.isEmpty)
        #expect(try await third.read(after: 0, limit: 9).map(\.receivedAt) == [1, 2])
        await third.shutdown()
    }

    @Test func `are none of those that are no files`() async throws {
        let log = try folder.open()
        _ = try await log.append(batch(1))
        await log.shutdown()
        let path = folder.path + "/segment-0000000"
        try FileManager.default.createDirectory(atPath: path + "7.sqlite", withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: path + "8.sqlite", withDestinationPath: "/dev/zero")
        #expect(mkfifo(path + "9.sqlite", 0o600) == 0)
        let again = try folder.open()
        #expect(again.recoveryReport.setAside.isEmpty && again.recoveryReport.unopened.isEmpty)
        #expect(try await again.append(batch(2)) == 10 << 32 | 1, "their numbers are not used")
        #expect(try await again.read(after: 0, limit: 9).map(\.receivedAt) == [1, 2])
        await again.shutdown()
    }

    /// A kill between the commit of the sums and the end of the file's way back from WAL.
    @Test func `are none of those whose seal was cut off, which the next start ends`() async throws {
        let log = try folder.open()
        try await append(10, to: log)
        await log.shutdown()
        let name = "segment-00000001.sqlite"
        let database = try DatabaseQueue(path: folder.path + "/" + name)
        try await database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
        try await database.write { db in
            try db.execute(
                sql: """
                    UPDATE segment SET sealed_at = 5;
                    INSERT INTO total (environment, batches, events, exposures, raw_bytes, stored_bytes, last_id)
                    VALUES ('production', 10, 10, 0, 1, 1, 10);
                    """
            )
        }
        let cut = try folder.crashed()
        try database.close()
        #expect(cut.names.contains(name + "-wal"))

        let again = try cut.open()
        #expect(again.recoveryReport.sealed == [1])
        #expect(again.recoveryReport.setAside.isEmpty)
        #expect(cut.names.filter { $0.hasPrefix(name) } == [name], "one file, without a log beside it")
        #expect(try await again.counts().batches == 10)
        #expect(try await again.append(batch(11)) == 2 << 32 | 1)
        #expect(try await again.read(after: 0, limit: 100).count == 11)
        await again.shutdown()
    }
}
