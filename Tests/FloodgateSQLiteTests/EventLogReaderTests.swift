// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import Foundation
import GRDB
import Testing

import FloodgateSQLite

@Suite("SQLite event log, read from outside", .timeLimit(.minutes(3))) struct EventLogReaderTests {
    private let folder = EventLogTestFolder()

    @Test func `reads while the server writes`() async throws {
        var options = SQLiteEventLogOptions()
        options.segmentSizeBytes = 3000
        let log = try folder.open(options)
        let reader = folder.reader
        let seen = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for number in 1...200 { _ = try await log.append(batch(number)) } }
            var seen: [LoggedBatch] = []
            while seen.count < 200 {
                let last = seen.last?.id ?? 0
                seen += try await reader.read(after: last, limit: 7)
            }
            try await group.waitForAll()
            return seen
        }
        #expect(seen.map(\.receivedAt) == Array(1...200))
        #expect(try await reader.counts() == log.counts())
        #expect(try await reader.lastPosition() == seen.last?.id)
        await log.shutdown()
    }

    @Test func `reads when the server has stopped, and leaves the folder usable`() async throws {
        let log = try folder.open()
        for number in 1...5 { _ = try await log.append(batch(number)) }
        await log.shutdown()
        #expect(try await folder.reader.read(after: 0, limit: 9).count == 5)
        let again = try folder.open()
        _ = try await again.append(batch(6))
        #expect(try await folder.reader.counts().batches == 6)
        await again.shutdown()
    }

    @Test func `reads what a killed server left, before anybody recovers it`() async throws {
        let log = try folder.open()
        for number in 1...5 { _ = try await log.append(batch(number)) }
        let copy = try folder.crashed()
        #expect(copy.names.contains("segment-00000001.sqlite-wal"))
        #expect(try await copy.reader.read(after: 0, limit: 9).count == 5)
        await log.shutdown()
    }

    @Test func `reads a closed segment where nothing may be written`() async throws {
        let log = try folder.open()
        for number in 1...5 { _ = try await log.append(batch(number)) }
        await log.shutdown()
        // As root every folder can be written to, so the way without files beside the segment is taken directly.
        let path = folder.path + "/segment-00000001.sqlite"
        let counts = try SQLiteEventLogReader.open(
            "file:\(SQLiteEventLogReader.escaped(path))?immutable=1",
            1,
            EventSegmentSchema.counts
        )
        #expect(counts?.batches == 5)
        #expect(folder.names == ["lock", "segment-00000001.sqlite"])
    }

    @Test func `says what is wrong with a folder that is not there`() async throws {
        let error = await #expect(throws: EventLogError.self) { try await folder.reader.counts() }
        #expect(error?.code == .storage)
        #expect(error?.message.contains(folder.path) == true)
    }

    @Test func `escapes a path for a URI`() {
        #expect(SQLiteEventLogReader.escaped("/a b/c?d#e%f/ü") == "/a b/c%3fd%23e%25f/ü")
    }

    @Test func `uses full synchronous mode and a write-ahead log`() async throws {
        let segments = EventSegmentFolder(path: folder.path)
        try segments.create()
        let segment = try EventSegment(number: 1, in: segments, now: 1, checked: false)
        let modes = try segment.modes()
        #expect(modes.synchronous == 2)
        #expect(modes.journal == "wal")
        segment.close()
    }
}
