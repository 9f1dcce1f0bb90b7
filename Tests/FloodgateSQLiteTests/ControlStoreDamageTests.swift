// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateSQLite
import Foundation
import GRDB
import Testing

@Suite("Damaged control store") struct ControlStoreDamageTests {
    enum Damage: CaseIterable {
        case empty, header, halfAPage, onePage, halfTheFile, zeros, zeroedPages, random, randomPages, text, nearlyWhole

        func apply(to bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            var random = SeededDamage(seed: 1)
            switch self {
            case .empty: return []
            case .header: bytes.replaceSubrange(0..<16, with: Array("SQLite format 4\0".utf8))
            case .halfAPage: return Array(bytes.prefix(2_048))
            case .onePage: return Array(bytes.prefix(4_096))
            case .halfTheFile: return Array(bytes.prefix(bytes.count / 2))
            case .zeros: return [UInt8](repeating: 0, count: bytes.count)
            case .zeroedPages: for index in 4_096..<bytes.count { bytes[index] = 0 }
            case .random: return bytes.map { _ in UInt8.random(in: .min ... .max, using: &random) }
            case .randomPages:
                for index in 4_096..<bytes.count { bytes[index] = UInt8.random(in: .min ... .max, using: &random) }
            case .text: return Array("This is not the file that you are looking for.\n".utf8)
            case .nearlyWhole: return Array(bytes.dropLast(100))
            }
            return bytes
        }
    }

    @Test(arguments: Damage.allCases)
    func `is named, and left as it is`(damage: Damage) async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let damaged = damage.apply(to: folder.bytes)
        folder.bytes = damaged
        let error = #expect(throws: ControlError.self) { try SQLiteControlStore(path: folder.file) }
        #expect(error?.code == .corrupt)
        #expect(error?.message.hasPrefix("\(folder.file) is damaged") == true)
        #expect(error?.message.contains("floodgate doctor") == true)
        let isUntouched = folder.bytes == damaged
        #expect(isUntouched)
        #expect(throws: ControlError.self) { try SQLiteControlStore.check(path: folder.file) }
        #expect(folder.names.filter { $0.contains(".new-") }.isEmpty)
    }

    @Test func `any page full of noise is named when it is opened or read, and traps nothing`() async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let whole = folder.bytes
        var random = SeededDamage(seed: 1)
        for page in 0..<whole.count / 4_096 {
            var bytes = whole
            for index in page * 4_096..<(page + 1) * 4_096 {
                bytes[index] = UInt8.random(in: .min ... .max, using: &random)
            }
            let copy = try ControlStoreTestFolder()
            copy.bytes = bytes
            do throws(ControlError) {
                let store = try SQLiteControlStore(path: copy.file)
                let control = ControlPlane(store: store, now: { 1_000 })
                _ = try await control.state()
                _ = try await control.currentDocument(environment: "production")
                for list in try await control.idLists() { _ = try await control.members(ofIDList: list.name) }
                try await control.verifyAuditChain()
                Issue.record("Page \(page) was read as if nothing had happened")
            } catch {
                #expect(error.code == .corrupt, "page \(page): \(error)")
            }
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `single flipped bytes trap nothing`(seed: UInt64) async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let whole = folder.bytes
        var random = SeededDamage(seed: seed)
        let copy = try ControlStoreTestFolder()
        for _ in 0..<25 {
            var bytes = whole
            bytes[Int.random(in: bytes.indices, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            copy.bytes = bytes
            do throws(ControlError) {
                let store = try SQLiteControlStore(path: copy.file)
                let control = ControlPlane(store: store, now: { 1_000 })
                _ = try await control.state()
                _ = try await control.currentDocument(environment: "production")
                for list in try await control.idLists() { _ = try await control.members(ofIDList: list.name) }
                _ = try await control.revisions(.gate, "new_checkout", limit: 9)
                try await control.verifyAuditChain()
                try store.close()
            } catch {
                #expect(error.code == .corrupt || error.code == .newerFormat, "\(error)")
            }
        }
    }

    @Test func `is set aside only when asked to, with all that belongs to it`() async throws {
        let folder = try await ControlStoreTestFolder.demo()
        folder.bytes = [1, 2, 3]
        let target = try SQLiteControlStore.setAside(path: folder.file, time: 77)
        #expect(target == "\(folder.file).corrupt-77")
        #expect(FileManager.default.contents(atPath: target) == Data([1, 2, 3]))
        let control = try folder.control()
        #expect(try await control.state() == ControlState())
        #expect(throws: ControlError.self, "nothing is overwritten") {
            try SQLiteControlStore.setAside(path: folder.file, time: 77)
        }
    }

    @Test func `another program's database is refused`() throws {
        let folder = try ControlStoreTestFolder()
        let queue = try DatabaseQueue(path: folder.file)
        try queue.write { try $0.execute(sql: "CREATE TABLE other (id INTEGER)") }
        try queue.close()
        let error = #expect(throws: ControlError.self) { try SQLiteControlStore(path: folder.file) }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("another program's") == true)
    }

    @Test func `a newer Floodgate's file is refused and left alone`() async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let queue = try DatabaseQueue(path: folder.file)
        try await queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9999 the future')") }
        try queue.close()
        let error = #expect(throws: ControlError.self) { try SQLiteControlStore(path: folder.file) }
        #expect(error?.code == .newerFormat)
    }

    @Test func `a spec that cannot be read is named`() async throws {
        let folder = try await ControlStoreTestFolder.demo()
        let queue = try DatabaseQueue(path: folder.file)
        try await queue.write { try $0.execute(sql: "UPDATE entity SET spec = '{' WHERE name = 'pay_later'") }
        try queue.close()
        let control = try folder.control()
        let error = await #expect(throws: ControlError.self) { try await control.state() }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("pay_later") == true)
    }

    @Test func `a folder that is not there is said in plain words`() throws {
        let folder = try ControlStoreTestFolder()
        let error = #expect(throws: ControlError.self) {
            try SQLiteControlStore(path: "\(folder.path)/none/control.sqlite")
        }
        #expect(error?.code == .storage)
        #expect(error?.message.contains("No such file or directory") == true)
        #expect(throws: ControlError.self) { try SQLiteControlStore.check(path: folder.file) }
    }
}
