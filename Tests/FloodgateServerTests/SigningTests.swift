// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import FloodgateSnapshots
import FoundationEssentials
import HTTPTypes
import NIOCore
import Testing

/// How documents are signed as they are published.
struct SigningTests {
    private static let path = "/v2/download_config_specs"

    private func seal(_ server: TestServer) async throws -> (seal: SnapshotSeal, body: [UInt8]) {
        let field = try #require(HTTPField.Name("floodgate-snapshot"))
        let answer = try await server.send(.get, Self.path, key: .server, headers: [field: "signed"])
        let seal = try SnapshotSeal { name in HTTPField.Name(name).flatMap { answer.headers[$0] } }
        return (try #require(seal), Array(answer.body.readableBytesView))
    }

    @Test func `a seal is given to who asks, and vouches for the document as it is sent`() async throws {
        let server = try await TestServer()
        let plain = try await server.send(.get, Self.path, key: .server)
        #expect(HTTPField.Name(SnapshotSeal.manifestField).map { plain.headers[$0] == nil } ?? false)
        let (seal, body) = try await seal(server)
        var verifier = SnapshotVerifier(rootKeys: [server.server.publisher.rootKey])
        let first = SignedSnapshot(seal: seal, payload: body)
        #expect(try verifier.check(first).manifest.environment == "production")
        try verifier.hold(first)

        server.clock.advance(milliseconds: 1_000)
        _ = try await server.server.control.setGate("new_checkout", enabled: false, by: Change(actor: "test"))
        try await server.publish()
        let (next, changed) = try await self.seal(server)
        let second = SignedSnapshot(seal: next, payload: changed)
        let manifest = try verifier.check(second).manifest
        #expect(try verifier.check(second) == .newer(manifest))
        #expect(manifest.previousHash == SnapshotHash(of: body))
    }

    @Test func `a rotation keeps what was signed good, a revocation does not, and both are taken up while running`()
        throws
    {
        let folder = DataFolder(
            path: FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)").path()
        )
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        try folder.prepare()
        var book = try SigningBook.open(in: folder, at: 1_000)
        let (first, version) = (try #require(book.keys.last?.entry.id), book.version)
        try book.rotate(at: 2_000)
        try book.keep(in: folder)
        let again = try #require(try SigningBook(in: folder))
        #expect(again.version == version + 1 && again.rootKey == book.rootKey && again.project == book.project)
        #expect(again.keys.map(\.entry.notAfter) == [2_000, nil])
        let epoch = again.epoch
        try book.revoke(first, at: 3_000)
        #expect(book.keys.map(\.entry.isRevoked) == [true, false] && book.epoch == epoch + 1)
        #expect(throws: SnapshotError.self) { try book.revoke("none", at: 3_000) }
        let second = try #require(book.keys.last?.entry.id)
        try book.revoke(second, at: 4_000)
        #expect(book.keys.map(\.entry.isRevoked) == [true, true, false])
    }

    @Test func `what a signed document says is said anew when the keys change, and nothing is said twice`() async throws
    {
        let server = try await TestServer()
        let first = try await seal(server)
        try await server.publish()
        #expect(try await seal(server).seal == first.seal)
        // Only keys changed: the document keeps its seal.
        _ = try await server.server.control.createKey(.server, environment: "production", by: Change(actor: "test"))
        try await server.publish()
        #expect(try await seal(server).seal == first.seal)
    }

    @Test func `a book keeps the newest sixteen keys, and signs with the last of them`() throws {
        let folder = DataFolder(
            path: FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)").path()
        )
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        try folder.prepare()
        var book = try SigningBook.open(in: folder, at: 1_000)
        var ids: [String] = []
        for time in 1...40 as ClosedRange<Int64> {
            try book.rotate(at: 1_000 + time)
            ids.append(try #require(book.keys.last?.entry.id))
            #expect(book.keys.count <= 16)
        }
        try book.keep(in: folder)
        let again = try #require(try SigningBook(in: folder))
        #expect(again.keys.map(\.entry.id) == Array(ids.suffix(16)))
        #expect(again.keys.filter { $0.entry.notAfter == nil }.map(\.entry.id) == [ids[39]])
    }

    @Test func `an environment whose document cannot be read holds no other one up`() async throws {
        let server = try await TestServer()
        let before = try await server.send(.get, Self.path, key: .server)
        let state = try await server.store.state()
        let head = try #require(state.snapshots["production"])
        let content = try #require(try await server.store.newestSnapshot(of: "production")).content
        let key = SDKKey(text: "secret-of-staging", kind: .server, environment: "staging", createdTime: 0)
        var update = ControlUpdate(base: state.changeCount, change: Change(actor: "test"), time: head.time + 1)
        update.addedEnvironments = ["staging"]
        update.savedKeys = [key]
        let broken = SnapshotHead(sequence: head.sequence + 1, time: head.time + 1, contentHash: "broken")
        let good = SnapshotHead(sequence: 1, time: head.time, contentHash: head.contentHash)
        update.snapshots = [
            StoredSnapshot(environment: "production", head: broken, content: [UInt8(ascii: "{")]),
            StoredSnapshot(environment: "staging", head: good, content: content),
        ]
        try await server.store.commit(update)
        await #expect(throws: ControlError.self) { try await server.publish() }
        let staging = try await server.send(.get, Self.path, headers: [.sdkKey: "secret-of-staging"])
        #expect(staging.status == .ok && staging.json?["has_updates"] == true)
        let after = try await server.send(.get, Self.path, key: .server)
        #expect(after.status == .ok && after.body == before.body, "the last good one stays")
    }

    @Test func `a book that does not read stops the start, since a new one would lock all readers out`() throws {
        let folder = DataFolder(
            path: FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)").path()
        )
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        try folder.prepare()
        try Data("{}".utf8).write(to: URL(filePath: folder.signingFile))
        #expect(throws: StartFailure.self) { try SigningBook.open(in: folder, at: 1) }
    }
}
