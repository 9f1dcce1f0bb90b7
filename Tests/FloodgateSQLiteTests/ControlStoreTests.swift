// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvaluation
import FloodgateSpecs
import Foundation
import GRDB
import Testing

import FloodgateSQLite

@Suite("Control store in SQLite") struct ControlStoreTests {
    @Test func `keeps the promises of a control store`() async throws {
        let folder = try ControlStoreTestFolder()
        try await checkControlStore(try SQLiteControlStore(path: folder.file))
    }

    @Test func `what was committed is there after closing and opening`() async throws {
        let folder = try ControlStoreTestFolder()
        let store = try SQLiteControlStore(path: folder.file)
        let control = ControlPlane(store: store, now: { 1_000 })
        try await control.prepare(by: ControlStoreTestFolder.change)
        try await control.loadDemo(by: ControlStoreTestFolder.change)
        try await control.setGate("new_checkout", enabled: false, by: ControlStoreTestFolder.change)
        let state = try await store.state()
        let document = try await control.currentDocument(environment: "production")
        try store.close()
        let again = try folder.control()
        #expect(try await again.state() == state)
        #expect(try await again.currentDocument(environment: "production") == document)
        #expect(try await again.verifyAuditChain() == state.auditHead.sequence)
        #expect(try await !again.setGate("new_checkout", enabled: false, by: ControlStoreTestFolder.change).didChange)
        #expect(try await !again.loadDemo(by: ControlStoreTestFolder.change).didChange == false, "the gate is on again")
    }

    @Test func `what was committed survives a crash right after`() async throws {
        let folder = try ControlStoreTestFolder()
        let control = try folder.control()
        try await control.prepare(by: ControlStoreTestFolder.change)
        try await control.loadDemo(by: ControlStoreTestFolder.change)
        for enabled in [false, true, false] {
            try await control.setGate("new_checkout", enabled: enabled, by: ControlStoreTestFolder.change)
            let copy = try folder.crashed()
            let survivor = try copy.control()
            #expect(try await survivor.state() == control.state())
        }
    }

    @Test func `only the owner may read the files`() async throws {
        let folder = try ControlStoreTestFolder()
        let control = try folder.control()
        try await control.prepare(by: ControlStoreTestFolder.change)
        #expect(folder.names.contains("control.sqlite-wal"))
        for name in folder.names { #expect(try folder.mode(name) == 0o600, "\(name)") }
    }

    @Test func `commits reach the disk before they are answered`() throws {
        let folder = try ControlStoreTestFolder()
        let store = try SQLiteControlStore(path: folder.file)
        let modes = try store.pool.writeWithoutTransaction { db in
            try ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map { name in
                try String.fetchOne(db, sql: "PRAGMA \(name)")
            }
        }
        #expect(modes == ["wal", "2", "1", "5000"])
    }

    @Test func `no file is left over from making one`() throws {
        let folder = try ControlStoreTestFolder()
        try SQLiteControlStore(path: folder.file).close()
        #expect(folder.names == ["control.sqlite"])
    }

    @Test func `another process's change is seen and conflicts are resolved`() async throws {
        let folder = try ControlStoreTestFolder()
        let server = try folder.control()
        try await server.prepare(by: ControlStoreTestFolder.change)
        try await server.loadDemo(by: ControlStoreTestFolder.change)
        let command = try folder.control()
        let count = try await server.changeCount()
        #expect(try await server.entity(.gate, "new_checkout").isEnabled)
        try await command.setGate("new_checkout", enabled: false, by: ControlStoreTestFolder.change)
        #expect(try await server.changeCount() != count)
        #expect(try await !server.entity(.gate, "new_checkout").isEnabled)
        #expect(try await server.setGate("new_checkout", enabled: true, by: ControlStoreTestFolder.change).didChange)
        #expect(try await command.entity(.gate, "new_checkout").isEnabled)
    }

    @Test func `many writers through many connections lose nothing`() async throws {
        let folder = try ControlStoreTestFolder()
        let controls = try (0..<4).map { _ in try folder.control() }
        try await withThrowingTaskGroup { group in
            for control in controls {
                group.addTask { try await control.prepare(by: ControlStoreTestFolder.change) }
            }
            try await group.waitForAll()
        }
        #expect(try await controls[0].keys().count == 3, "only one prepared the project")
        try await controls[0].loadDemo(by: ControlStoreTestFolder.change)
        let before = try await controls[0].changeCount()
        try await withThrowingTaskGroup { group in
            for (index, control) in controls.enumerated() {
                group.addTask {
                    for percent in 1...10 {
                        try await control.setRollout(
                            gate: ["new_checkout", "recommendations", "pay_later", "free_returns"][index],
                            percent: Double(percent),
                            by: ControlStoreTestFolder.change
                        )
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await controls[1].changeCount() == before + 40)
        for control in controls {
            #expect(try await control.verifyAuditChain() == controls[0].state().auditHead.sequence)
        }
        let document = try await controls[2].currentDocument(environment: "production")
        #expect(document.document.time == 1_000 + UInt64(document.sequence) - 1)
    }

    @Test func `first start by several at once makes one project`() async throws {
        for _ in 0..<5 {
            let folder = try ControlStoreTestFolder()
            let file = folder.file
            let counts = try await withThrowingTaskGroup(of: [KeyDigest].self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let control = ControlPlane(store: try SQLiteControlStore(path: file), now: { 1 })
                        try await control.prepare(by: ControlStoreTestFolder.change)
                        return try await control.keys().map(\.digest)
                    }
                }
                return try await group.reduce(into: Set<[KeyDigest]>()) { $0.insert($1) }
            }
            #expect(counts.count == 1, "all see the same keys")
            #expect(folder.names.filter { $0.contains(".new-") }.isEmpty)
        }
    }

    @Test func `keys of an older file go on working, and their texts are gone from the disk`() async throws {
        let folder = try ControlStoreTestFolder()
        let issued = try await folder.control().prepare(by: ControlStoreTestFolder.change)
        let revoked = issued[1].text
        try await folder.control().revokeKey(revoked, by: ControlStoreTestFolder.change)
        // As the first format had it, with the keys in clear text.
        let queue = try DatabaseQueue(path: folder.file)
        try await queue.write { db in
            try db.execute(
                sql: """
                    CREATE TABLE key_before (
                        position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
                        environment TEXT NOT NULL REFERENCES environment (name), is_active INTEGER NOT NULL,
                        created_time INTEGER NOT NULL
                    ) STRICT;
                    """
            )
            for issued in issued {
                try db.execute(
                    sql: """
                        INSERT INTO key_before
                        SELECT position, ?, kind, environment, is_active, created_time FROM sdk_key WHERE digest = ?
                        """,
                    arguments: [issued.text, Data(issued.key.digest.bytes)]
                )
            }
            try db.execute(
                sql: """
                    DROP TABLE sdk_key;
                    ALTER TABLE key_before RENAME TO sdk_key;
                    DELETE FROM grdb_migrations WHERE identifier = '0002 keys as hashes';
                    """
            )
        }
        try queue.close()
        #expect(String(decoding: folder.bytes, as: UTF8.self).contains(issued[0].text))

        let store = try SQLiteControlStore(path: folder.file)
        let control = ControlPlane(store: store, now: { 1_000 })
        var expected = issued.map(\.key)
        expected[1].isActive = false
        #expect(try await control.keys() == expected)
        for name in folder.names {
            let bytes = FileManager.default.contents(atPath: "\(folder.path)/\(name)") ?? Data()
            let text = String(decoding: bytes, as: UTF8.self)
            for issued in issued { #expect(!text.contains(issued.text.dropFirst(7)), "\(name)") }
        }
        try store.close()
        #expect(try await folder.control().keys() == expected)
    }

    @Test func `an ID list of an older file is kept, and grows by rows of its own`() async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let many = (10_000_000..<10_110_000).map { "+\($0)\n" }.joined()
        let content = Array("+aaaaaaaa\n+bbbbbbbb\n-aaaaaaaa\n+odd\n\(many)".utf8)
        let queue = try DatabaseQueue(path: folder.file)
        try await queue.write { db in
            // As the second format had it, with each list in one row.
            try db.execute(
                sql: """
                    DROP TABLE id_list_piece;
                    DROP TABLE id_list;
                    CREATE TABLE id_list (
                        name TEXT PRIMARY KEY, file_id TEXT NOT NULL UNIQUE, creation_time INTEGER NOT NULL,
                        content BLOB NOT NULL
                    ) STRICT;
                    DELETE FROM grdb_migrations WHERE identifier = '0003 ID lists in pieces';
                    """
            )
            try db.execute(
                sql: "INSERT INTO id_list VALUES ('old', 'f1', 77, ?), ('none', 'f2', 78, x'')",
                arguments: [Data(content)]
            )
        }
        try queue.close()

        let store = try SQLiteControlStore(path: folder.file)
        let control = ControlPlane(store: store, now: { 1_000 })
        let lists = try await control.idLists()
        #expect(lists.map(\.name) == ["none", "old"])
        #expect(lists[0] == IDListHead(name: "none", fileID: "f2", creationTime: 78))
        #expect(lists[1].fileID == "f1" && lists[1].creationTime == 77 && lists[1].size == content.count)
        #expect(lists[1].members == 110_002 && lists[1].lines == 110_004)
        #expect(try await control.idListContent("f1", from: 0, limit: 9 << 20) == content)

        func rows() async throws -> [[UInt8]] {
            try await store.pool.read { db in
                try Data.fetchAll(db, sql: "SELECT content FROM id_list_piece ORDER BY file_id, position").map(
                    Array.init
                )
            }
        }
        let before = try await rows()
        #expect(before.map(\.count) == [1 << 20, content.count - 1 << 20])
        let more = IDList(ids: ["cccccccc"])
        try await control.add(more, toIDList: "old", by: ControlStoreTestFolder.change)
        try await control.add(more, toIDList: "none", by: ControlStoreTestFolder.change)
        #expect(try await rows() == before + [Array("+cccccccc\n".utf8), Array("+cccccccc\n".utf8)])
        try store.close()
        let again = try folder.control()
        #expect(try await again.members(ofIDList: "old").count == 110_003)
        #expect(try await again.compactIDList("old", by: ControlStoreTestFolder.change).list.size == 1_100_025)
        #expect(try await again.members(ofIDList: "old").contains("odd"))
    }

    @Test func `keeps the last hundred snapshots`() async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let store = try SQLiteControlStore(path: folder.file)
        let control = ControlPlane(store: store, now: { 1_000 })
        for step in 0..<110 {
            try await control.setGate("new_checkout", enabled: step % 2 == 1, by: ControlStoreTestFolder.change)
        }
        let sequences = try await store.pool.read { db in
            try Int.fetchAll(db, sql: "SELECT sequence FROM snapshot ORDER BY sequence")
        }
        #expect(sequences.count == 100)
        #expect(sequences.last == 112)
    }

    @Test func `a tampered audit log is found`() async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let control = try folder.control()
        #expect(try await control.verifyAuditChain() == 5)
        let queue = try DatabaseQueue(path: folder.file)
        #expect(throws: DatabaseError.self, "the log refuses edits") {
            try queue.write { try $0.execute(sql: "UPDATE audit SET reason = 'x' WHERE sequence = 2") }
        }
        #expect(throws: DatabaseError.self, "the log refuses removal") {
            try queue.write { try $0.execute(sql: "DELETE FROM audit") }
        }
        try await queue.write { db in
            try db.execute(sql: "DROP TRIGGER audit_is_never_edited; UPDATE audit SET reason = 'x' WHERE sequence = 2")
        }
        let error = await #expect(throws: ControlError.self) { try await control.verifyAuditChain() }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("record 2 was edited") == true)
    }

    @Test func `a cancelled task says so`() async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let store = try SQLiteControlStore(path: folder.file)
        let code = await withTaskGroup(of: ControlError.Code?.self) { group in
            group.addTask {
                withUnsafeCurrentTask { $0?.cancel() }
                do throws(ControlError) {
                    _ = try await store.state()
                    return nil
                } catch { return error.code }
            }
            return await group.next() ?? nil
        }
        #expect(code == .cancelled)
    }
}
