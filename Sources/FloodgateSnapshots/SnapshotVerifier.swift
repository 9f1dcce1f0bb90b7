// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Decides whether a snapshot may take the place of the one that is held.
///
/// The checks and their order are those of SNAP-2: length, keys, signature, whose it is, order, hash. What the document
/// says is for the caller to check next; only then is the snapshot held.
public struct SnapshotVerifier: Sendable {
    /// The highest that was ever held: what must survive restarts beside the document.
    public struct Mark: Sendable, Hashable {
        /// The document's position.
        public var position: SnapshotPosition
        /// Its hash.
        public var hash: SnapshotHash

        /// A mark.
        public init(position: SnapshotPosition, hash: SnapshotHash) {
            self.position = position
            self.hash = hash
        }
    }

    /// What a good snapshot is to the reader.
    public enum Verdict: Sendable, Hashable {
        /// It is newer than what is held.
        case newer(SnapshotManifest)
        /// It is what is held.
        case same(SnapshotManifest)

        /// Its manifest.
        public var manifest: SnapshotManifest {
            switch self {
            case .newer(let manifest), .same(let manifest): manifest
            }
        }
    }

    /// The root's public keys, of 32 bytes each.
    public let rootKeys: [[UInt8]]
    /// The project that this reader is of; nil takes that of the first that comes.
    public private(set) var project: String?
    /// The environment, likewise.
    public private(set) var environment: String?
    /// What is held.
    public private(set) var held: Mark?
    /// The version of the newest set of keys that was seen.
    public private(set) var keySetVersion: Int64

    /// A verifier that goes on from what was kept.
    public init(
        rootKeys: [[UInt8]],
        project: String? = nil,
        environment: String? = nil,
        held: Mark? = nil,
        keySetVersion: Int64 = 0
    ) {
        self.rootKeys = rootKeys
        self.project = project
        self.environment = environment
        self.held = held
        self.keySetVersion = keySetVersion
    }

    /// Checks a seal alone, before the document is there.
    public func check(_ seal: SnapshotSeal) throws(SnapshotError) -> Verdict {
        try examine(seal).verdict
    }

    /// Checks a seal and its document; nothing is changed.
    public func check(_ snapshot: SignedSnapshot) throws(SnapshotError) -> Verdict {
        guard snapshot.payload.count <= SnapshotLimits.payloadBytes else {
            throw SnapshotError(.length, "It has more than \(SnapshotLimits.payloadBytes) bytes")
        }
        let verdict = try examine(snapshot.seal).verdict
        let manifest = verdict.manifest
        guard snapshot.payload.count == manifest.payloadLength else {
            throw SnapshotError(.length, "It has \(snapshot.payload.count) bytes, not \(manifest.payloadLength)")
        }
        guard SnapshotHash(of: snapshot.payload) == manifest.payloadHash else {
            throw SnapshotError(.hash, "It is not what was signed")
        }
        return verdict
    }

    /// Holds a snapshot that was checked, and whose document is good.
    public mutating func hold(_ snapshot: SignedSnapshot) throws(SnapshotError) {
        let (verdict, keys) = try examine(snapshot.seal)
        let manifest = verdict.manifest
        project = manifest.project
        environment = manifest.environment
        held = Mark(position: manifest.position, hash: manifest.payloadHash)
        keySetVersion = max(keySetVersion, keys.version)
    }

    private func examine(_ seal: SnapshotSeal) throws(SnapshotError) -> (verdict: Verdict, keys: KeySet) {
        let manifest = try SnapshotManifest(seal.manifest)
        guard manifest.payloadLength <= SnapshotLimits.payloadBytes else {
            throw SnapshotError(.length, "It has more than \(SnapshotLimits.payloadBytes) bytes")
        }
        let keys = try KeySet(seal.keySet, signature: seal.keySetSignature, rootKeys: rootKeys)
        guard keys.version >= keySetVersion else {
            throw SnapshotError(.oldKeySet, "The set of keys has version \(keys.version) after \(keySetVersion)")
        }
        let key = try keys.key(manifest.keyID, at: manifest.issuedAt)
        let signed = Array(SnapshotManifest.context.utf8) + seal.manifest
        guard Signatures.isGood(seal.signature, of: signed, by: key.publicKey) else {
            throw SnapshotError(.signature, "The manifest is not signed by the key \(manifest.keyID)")
        }
        guard manifest.project == project ?? manifest.project,
            manifest.environment == environment ?? manifest.environment
        else {
            throw SnapshotError(.foreign, "It is of \(manifest.environment) in \(manifest.project)")
        }
        guard manifest.minReader <= SnapshotManifest.newestReader else {
            throw SnapshotError(.newerFormat, "It needs a reader of format \(manifest.minReader)")
        }
        guard let held else { return (.newer(manifest), keys) }
        if manifest.position < held.position {
            throw SnapshotError(.older, "Its position is \(manifest.position) after \(held.position)")
        }
        guard manifest.position == held.position else { return (.newer(manifest), keys) }
        guard manifest.payloadHash == held.hash else {
            throw SnapshotError(.fork, "There are two documents of position \(manifest.position)")
        }
        return (.same(manifest), keys)
    }
}

extension SnapshotPosition: CustomStringConvertible {
    /// Epoch and sequence.
    public var description: String { "\(epoch).\(sequence)" }
}
