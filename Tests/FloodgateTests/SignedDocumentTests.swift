// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import FloodgateSnapshots
import Foundation
import Testing

/// What a client with a root key does about documents from outside.
@Suite("Signed documents", .timeLimit(.minutes(5))) struct SignedDocumentTests {
    let user = FloodgateUser(userID: "u1")

    /// Signs documents as a server does.
    private struct Publisher {
        let root = SigningKey()
        let key = SigningKey()
        var isRevoked = false
        var keySetVersion: Int64 = 1
        var environment = "production"

        var rootKey: String { SnapshotBase64.encode(root.publicKey) }

        func seal(_ document: TestDocument, sequence: Int64) throws -> SnapshotSeal {
            let manifest = SnapshotManifest(
                project: "shop",
                environment: environment,
                position: SnapshotPosition(epoch: 1, sequence: sequence),
                issuedAt: 1_000,
                payload: document.bytes,
                previousHash: nil,
                keyID: key.id
            ).bytes
            let entry = KeySet.Key(id: key.id, publicKey: key.publicKey, notBefore: 0, isRevoked: isRevoked)
            let keySet = KeySet(version: keySetVersion, keys: [entry]).bytes
            return SnapshotSeal(
                manifest: manifest,
                signature: try key.sign(manifest, context: SnapshotManifest.context),
                keySet: keySet,
                keySetSignature: try root.sign(keySet, context: KeySet.context)
            )
        }

        func answer(_ document: TestDocument, sequence: Int64) throws -> ScriptedServer.Answer {
            .reply(headers: try seal(document, sequence: sequence).fields, body: document.bytes)
        }
    }

    private static let news = TestDocument(time: 1_750_000_000_001, checksum: "2", gates: ["new": true])

    @Test func `are asked for and used when the project signed them`() async throws {
        let publisher = Publisher()
        try await Bench.run { bench in
            bench.server.on(Bench.specs, try publisher.answer(TestDocument(), sequence: 1))
            let client = bench.makeClient { $0.rootKeys = [publisher.rootKey] }
            #expect(await client.initialize().source == .network)
            #expect(bench.server.requests(Bench.specs).first?.header("floodgate-snapshot") == "signed")
            #expect(client.checkGate("open", for: user))
            bench.server.on(Bench.specs, .ok(#"{"has_updates":false}"#))
            await bench.poll()
            bench.server.on(Bench.specs, try publisher.answer(Self.news, sequence: 2))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            await client.shutdown()
        }
    }

    @Test(arguments: [true, false]) func `come of changes on a stream that are sealed, and of no others`(isSealed: Bool)
        async throws
    {
        let publisher = Publisher()
        try await Bench.run { bench in
            bench.server.on(Bench.specs, try publisher.answer(TestDocument(), sequence: 1))
            bench.server.on(StreamTests.path, .stream)
            let client = bench.makeClient {
                $0.rootKeys = [publisher.rootKey]
                $0.streaming = true
                $0.disableAllLogging = true
            }
            await client.initialize()
            await bench.server.streams(count: 1)
            let request = try #require(bench.server.requests(StreamTests.path).first)
            #expect(request.uri.hasSuffix("&deltas=1&announce=1"))
            bench.server.on(Bench.specs, try publisher.answer(Self.news, sequence: 2))
            let (old, new) = (TestDocument().bytes, Self.news.bytes)
            var data = DocumentDelta(from: old, SnapshotHash(of: old), to: new, SnapshotHash(of: new)).json
            data["spread_ms"] = 2000
            if isSealed { data["seal"] = .object(try publisher.seal(Self.news, sequence: 2).json) }
            await bench.server.push("event: delta\ndata: \(JSONValue.object(data).text)\n\n")
            if !isSealed { await bench.clock.pass(.seconds(1)) }
            while !client.checkGate("new", for: user), !Task.isCancelled { await Task.yield() }
            #expect(bench.server.requests(Bench.specs).count == (isSealed ? 1 : 2))
            await client.shutdown()
        }
    }

    /// How an answer is not what it should be.
    enum Fault: CaseIterable {
        case unsigned, changed, otherRoot, otherEnvironment, revokedKey, older, fork, halfASeal, oldKeys
    }

    @Test(arguments: Fault.allCases) func `are refused otherwise, and the last good one stays`(fault: Fault)
        async throws
    {
        var publisher = Publisher()
        publisher.keySetVersion = 2
        try await Bench.run { bench in
            bench.server.on(Bench.specs, try publisher.answer(TestDocument(), sequence: 5))
            let client = bench.makeClient { $0.rootKeys = [publisher.rootKey] }
            await client.initialize()
            var answer = try publisher.answer(Self.news, sequence: 6)
            switch fault {
            case .unsigned: answer = .ok(Self.news.text)
            case .changed:
                let other = TestDocument(time: 1_750_000_000_001, checksum: "2", gates: ["new": true, "more": true])
                answer = .reply(headers: try publisher.seal(Self.news, sequence: 6).fields, body: other.bytes)
            case .otherRoot: answer = try Publisher().answer(Self.news, sequence: 6)
            case .otherEnvironment:
                publisher.environment = "staging"
                answer = try publisher.answer(Self.news, sequence: 6)
            case .revokedKey:
                publisher.isRevoked = true
                answer = try publisher.answer(Self.news, sequence: 6)
            case .older: answer = try publisher.answer(Self.news, sequence: 4)
            case .fork: answer = try publisher.answer(Self.news, sequence: 5)
            case .halfASeal:
                let fields = try publisher.seal(Self.news, sequence: 6).fields
                answer = .reply(headers: Array(fields.prefix(2)), body: Self.news.bytes)
            case .oldKeys:
                publisher.keySetVersion = 1
                answer = try publisher.answer(Self.news, sequence: 6)
            }
            bench.server.on(Bench.specs, answer)
            await bench.poll()
            #expect(!client.checkGate("new", for: user))
            #expect(client.checkGate("open", for: user))
            await client.shutdown()
        }
    }

    @Test func `are checked again when they come from the cache folder`() async throws {
        let publisher = Publisher()
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        func change(_ options: inout FloodgateClient.Options) {
            options.rootKeys = [publisher.rootKey]
            options.cacheFolder = folder.path()
        }
        try await Bench.run { bench in
            bench.server.on(Bench.specs, try publisher.answer(TestDocument(), sequence: 1))
            let online = bench.makeClient(change)
            await online.initialize()
            await bench.clock.isAsked(for: .seconds(10))
            await online.shutdown()
            bench.server.on(Bench.specs, .status(500))
            let offline = bench.makeClient(change)
            #expect(await offline.initialize().source == .file)
            #expect(offline.checkGate("open", for: user))
            await offline.shutdown()

            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder.path()).first)
            let file = folder.appending(path: name)
            var bytes = try Data(contentsOf: file)
            bytes[bytes.count - 2] ^= 1
            try bytes.write(to: file)
            let cheated = bench.makeClient(change)
            await cheated.initialize()
            #expect(!cheated.checkGate("open", for: user))
            await cheated.shutdown()
        }
    }

    @Test(arguments: [false, true])
    func `from before are used when the newest in the cache folder is damaged`(isSigned: Bool) async throws {
        let publisher = Publisher()
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        func change(_ options: inout FloodgateClient.Options) {
            options.rootKeys = isSigned ? [publisher.rootKey] : []
            options.cacheFolder = folder.path()
        }
        try await Bench.run { bench in
            bench.server.on(Bench.specs, try publisher.answer(TestDocument(), sequence: 1))
            let online = bench.makeClient(change)
            await online.initialize()
            await bench.clock.isAsked(for: .seconds(10))
            bench.server.on(Bench.specs, try publisher.answer(Self.news, sequence: 2))
            await bench.poll()
            await online.shutdown()
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path()).sorted()
            #expect(names.count == 2 && names[1] == names[0] + ".previous")
            let newest = folder.appending(path: names[0])
            let good = try Data(contentsOf: newest)
            bench.server.on(Bench.specs, .status(500))
            for damaged in [good, Data(), Data(good.prefix(good.count / 2)), Data(count: good.count)] {
                try damaged.write(to: newest)
                let offline = bench.makeClient(change)
                #expect(await offline.initialize().source == .file)
                #expect(offline.checkGate("new", for: user) == (damaged == good))
                #expect(offline.checkGate("open", for: user) == (damaged != good))
                await offline.shutdown()
            }
            try FileManager.default.removeItem(at: newest)
            let offline = bench.makeClient(change)
            await offline.initialize()
            #expect(offline.checkGate("open", for: user), "as after a kill between two names")
            await offline.shutdown()
        }
    }

    @Test func `need no signature where that is not required, but what is signed is checked all the same`() async throws
    {
        let publisher = Publisher()
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        func change(_ options: inout FloodgateClient.Options) {
            options.rootKeys = [publisher.rootKey]
            options.requiresSignature = false
            options.cacheFolder = folder.path()
        }
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .ok(TestDocument().text))
            let client = bench.makeClient(change)
            #expect(await client.initialize().source == .network)
            #expect(client.checkGate("open", for: user))
            bench.server.on(Bench.specs, try Publisher().answer(Self.news, sequence: 2))
            await bench.poll()
            #expect(!client.checkGate("new", for: user), "another project signed it")
            bench.server.on(Bench.specs, try publisher.answer(Self.news, sequence: 2))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            await client.shutdown()
        }
    }

    @Test func `that nobody signed are used from the cache folder, where no signature is required`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await Bench.run { bench in
            bench.server.on(Bench.specs, .ok(TestDocument().text))
            let online = bench.makeClient { options in
                options.rootKeys = [Publisher().rootKey]
                options.requiresSignature = false
                options.cacheFolder = folder.path()
            }
            await online.initialize()
            await bench.clock.isAsked(for: .seconds(10))
            await online.shutdown()
            bench.server.on(Bench.specs, .status(500))
            for requiresSignature in [true, false] {
                let offline = bench.makeClient { options in
                    options.rootKeys = [Publisher().rootKey]
                    options.requiresSignature = requiresSignature
                    options.cacheFolder = folder.path()
                }
                await offline.initialize()
                #expect(offline.checkGate("open", for: user) == !requiresSignature)
                await offline.shutdown()
            }
        }
    }

    @Test func `are not used at all when the root key is none`() async throws {
        try await Bench.run { bench in
            bench.server.on(Bench.specs, try Publisher().answer(TestDocument(), sequence: 1))
            let client = bench.makeClient { $0.rootKeys = ["not a key"] }
            await client.initialize()
            #expect(!client.checkGate("open", for: user))
            await client.shutdown()
        }
    }
}
