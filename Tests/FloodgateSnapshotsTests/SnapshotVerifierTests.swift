// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSnapshots
import Testing

/// Which snapshots are taken, and why others are not.
struct SnapshotVerifierTests {
    /// A publisher with a root key and a key of its own.
    struct Publisher {
        var root = SigningKey()
        var key = SigningKey()
        var project = "shop"
        var environment = "production"
        var version: Int64 = 1
        var change: (inout KeySet.Key) -> Void = { _ in }
        var keys: [KeySet.Key] = []

        func publish(
            _ sequence: Int64,
            epoch: Int64 = 1,
            _ text: String? = nil,
            _ edit: (inout SnapshotManifest) -> Void = { _ in }
        ) throws -> SignedSnapshot {
            let payload = Array((text ?? "{\"time\":\(sequence)}").utf8)
            var manifest = SnapshotManifest(
                project: project,
                environment: environment,
                position: SnapshotPosition(epoch: epoch, sequence: sequence),
                issuedAt: 1_000 + sequence,
                payload: payload,
                previousHash: nil,
                keyID: key.id
            )
            edit(&manifest)
            var own = KeySet.Key(id: key.id, publicKey: key.publicKey, notBefore: 0)
            change(&own)
            let set = KeySet(version: version, keys: keys + [own]).bytes
            let seal = SnapshotSeal(
                manifest: manifest.bytes,
                signature: try key.sign(manifest.bytes, context: SnapshotManifest.context),
                keySet: set,
                keySetSignature: try root.sign(set, context: KeySet.context)
            )
            return SignedSnapshot(seal: seal, payload: payload)
        }

        var verifier: SnapshotVerifier { SnapshotVerifier(rootKeys: [root.publicKey]) }
    }

    private func reason(_ verifier: SnapshotVerifier, _ snapshot: SignedSnapshot) -> SnapshotError.Reason? {
        do throws(SnapshotError) {
            _ = try verifier.check(snapshot)
            return nil
        } catch { return error.reason }
    }

    @Test func `what follows is newer, and what is held is the same`() throws {
        let publisher = Publisher()
        var verifier = publisher.verifier
        let first = try publisher.publish(1)
        try verifier.hold(first)
        #expect(try verifier.check(first) == .same(SnapshotManifest(first.seal.manifest)))
        let second = try publisher.publish(2)
        #expect(try verifier.check(second) == .newer(SnapshotManifest(second.seal.manifest)))
        let other = try publisher.publish(1, epoch: 2)
        #expect(try verifier.check(other) == .newer(SnapshotManifest(other.seal.manifest)))
    }

    @Test func `what comes before is refused, whatever its epoch held before`() throws {
        let publisher = Publisher()
        var verifier = publisher.verifier
        try verifier.hold(try publisher.publish(5, epoch: 2))
        #expect(reason(verifier, try publisher.publish(4, epoch: 2)) == .older)
        #expect(reason(verifier, try publisher.publish(900, epoch: 1)) == .older)
    }

    @Test func `two documents of one position are a fork`() throws {
        let publisher = Publisher()
        var verifier = publisher.verifier
        try verifier.hold(try publisher.publish(3))
        #expect(reason(verifier, try publisher.publish(3, "{\"time\":4}")) == .fork)
    }

    @Test func `every byte of a document, a manifest and a signature counts`() throws {
        let publisher = Publisher()
        let good = try publisher.publish(1)
        func flipped(_ path: WritableKeyPath<SignedSnapshot, [UInt8]>, _ index: Int) -> SignedSnapshot {
            var snapshot = good
            snapshot[keyPath: path][index] ^= 1
            return snapshot
        }
        let parts: [WritableKeyPath<SignedSnapshot, [UInt8]>] = [
            \.payload, \.seal.manifest, \.seal.signature, \.seal.keySet, \.seal.keySetSignature,
        ]
        for part in parts {
            for index in good[keyPath: part].indices {
                #expect(reason(publisher.verifier, flipped(part, index)) != nil)
            }
            var short = good
            short[keyPath: part].removeLast()
            #expect(reason(publisher.verifier, short) != nil)
        }
        #expect(reason(publisher.verifier, flipped(\.payload, 3)) == .hash)
        #expect(reason(publisher.verifier, flipped(\.seal.signature, 3)) == .signature)
        #expect(reason(publisher.verifier, flipped(\.seal.keySetSignature, 3)) == .keySet)
    }

    @Test func `only the root key that is known makes a set of keys good`() throws {
        let (publisher, stranger) = (Publisher(), Publisher())
        #expect(reason(publisher.verifier, try stranger.publish(1)) == .keySet)
        let both = SnapshotVerifier(rootKeys: [stranger.root.publicKey, publisher.root.publicKey])
        #expect(reason(both, try publisher.publish(1)) == nil)
    }

    @Test func `a signature of one kind of text is none of another`() throws {
        let publisher = Publisher()
        var snapshot = try publisher.publish(1)
        snapshot.seal.signature = try publisher.key.sign(snapshot.seal.manifest, context: KeySet.context)
        #expect(reason(publisher.verifier, snapshot) == .signature)
    }

    @Test func `what another project or environment published is foreign`() throws {
        var publisher = Publisher()
        var verifier = publisher.verifier
        try verifier.hold(try publisher.publish(1))
        publisher.environment = "staging"
        #expect(reason(verifier, try publisher.publish(2)) == .foreign)
        publisher.environment = "production"
        publisher.project = "other"
        #expect(reason(verifier, try publisher.publish(2)) == .foreign)
    }

    @Test func `a retired key's signatures stay good, those after it and a revoked key's do not`() throws {
        var publisher = Publisher()
        publisher.change = { $0.notAfter = 1_005 }
        #expect(reason(publisher.verifier, try publisher.publish(5)) == nil)
        #expect(reason(publisher.verifier, try publisher.publish(6)) == .unknownKey)
        publisher.change = { $0.notBefore = 1_002 }
        #expect(reason(publisher.verifier, try publisher.publish(1)) == .unknownKey)
        publisher.change = { $0.isRevoked = true }
        #expect(reason(publisher.verifier, try publisher.publish(5)) == .revokedKey)
    }

    @Test func `an older set of keys cannot bring a revoked key back`() throws {
        var publisher = Publisher()
        var verifier = publisher.verifier
        let old = try publisher.publish(2)
        publisher.version = 2
        let revoked = publisher.key
        publisher.keys = [KeySet.Key(id: revoked.id, publicKey: revoked.publicKey, notBefore: 0, isRevoked: true)]
        publisher.key = SigningKey()
        try verifier.hold(try publisher.publish(1))
        #expect(reason(verifier, old) == .oldKeySet)
    }

    @Test func `what needs a newer reader, or is larger than may be, is refused by its manifest`() throws {
        let publisher = Publisher()
        #expect(reason(publisher.verifier, try publisher.publish(1) { $0.minReader = 2 }) == .newerFormat)
        let large = try publisher.publish(1) { $0.payloadLength = SnapshotLimits.payloadBytes + 1 }
        #expect(throws: SnapshotError.self) { try publisher.verifier.check(large.seal) }
        #expect(reason(publisher.verifier, large) == .length)
    }

    @Test func `a file and header fields give back what was put in`() throws {
        let snapshot = try Publisher().publish(1)
        #expect(try SignedSnapshot(fileBytes: snapshot.fileBytes) == snapshot)
        let fields = Dictionary(uniqueKeysWithValues: snapshot.seal.fields.map { ($0.name, $0.value) })
        #expect(try SnapshotSeal { fields[$0] } == snapshot.seal)
        #expect(try SnapshotSeal { _ in nil } == nil)
        #expect(throws: SnapshotError.self) { try SnapshotSeal { $0 == SnapshotSeal.manifestField ? "e30=" : nil } }
        #expect(throws: SnapshotError.self) { try SignedSnapshot(fileBytes: snapshot.payload) }
    }

    @Test(arguments: [
        "", "{}", "[]", "{\"format\":\"floodgate.snapshot.v1\"}", "{\"format\":\"floodgate.snapshot.v2\"}", "\u{0}",
    ])
    func `what is no manifest is refused without a trap`(text: String) {
        #expect(throws: SnapshotError.self) { try SnapshotManifest(Array(text.utf8)) }
    }

    @Test func `members that are not known are kept in the bytes and ignored`() throws {
        let publisher = Publisher()
        var snapshot = try publisher.publish(1)
        var object = try #require(try JSONValue(parsing: snapshot.seal.manifest).objectValue)
        object["note"] = "later"
        snapshot.seal.manifest = JSONValue.object(object).bytes
        snapshot.seal.signature = try publisher.key.sign(snapshot.seal.manifest, context: SnapshotManifest.context)
        #expect(reason(publisher.verifier, snapshot) == nil)
    }
}
