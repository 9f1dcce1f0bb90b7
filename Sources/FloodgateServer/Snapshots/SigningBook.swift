// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
package import FloodgateSnapshots
import FoundationEssentials

/// What a publisher signs with, and what it signed last; kept as one file that its owner alone can read.
package struct SigningBook: Sendable {
    /// A key of the publisher; without its seed once it was retired.
    package struct Key: Sendable {
        /// What the set of keys says of it.
        package var entry: KeySet.Key
        var seed: [UInt8]?
    }

    /// What was last signed for an environment.
    struct Mark: Sendable, Hashable {
        var position: SnapshotPosition
        var hash: SnapshotHash
        /// The document's time.
        var time: Int64
    }

    /// How many keys are kept, retired and revoked ones included.
    private static let keptKeys = 16

    /// What the project is called where several meet.
    package var project: String
    /// Rises when what is stored is not what was signed last.
    package var epoch: Int64
    /// The root's public key, and its seed unless it is kept elsewhere.
    package var rootKey: [UInt8]
    var rootSeed: [UInt8]?
    /// Keys, oldest first; the last one signs.
    package var keys: [Key]
    /// The set of them, as the root signed it.
    var keySet: [UInt8]
    var keySetSignature: [UInt8]
    var marks: [String: Mark] = [:]
    /// The project's changes that were last seen.
    var count: Int64 = 0

    /// A book of a project that was just made.
    init(at now: Int64) throws(SnapshotError) {
        let root = SigningKey()
        project = SnapshotHash(of: SigningKey().publicKey).text.prefix(16).description
        epoch = 1
        rootKey = root.publicKey
        rootSeed = root.seed
        keys = []
        keySet = []
        keySetSignature = []
        try rotate(at: now)
    }

    /// The key that signs.
    var signer: SigningKey? { keys.last?.seed.flatMap { SigningKey(seed: $0) } }

    // MARK: Keys

    /// Retires the key that signs, and takes a new one; those that were signed stay good.
    package mutating func rotate(at now: Int64) throws(SnapshotError) {
        let key = SigningKey()
        if var old = keys.popLast() {
            old.entry.notAfter = max(now, old.entry.notBefore)
            old.seed = nil
            keys.append(old)
        }
        // Clocks of a fleet differ; a day earlier does no harm.
        let entry = KeySet.Key(id: key.id, publicKey: key.publicKey, notBefore: keys.isEmpty ? 0 : now - 86_400_000)
        keys.append(Key(entry: entry, seed: key.seed))
        try signKeys()
    }

    /// Makes everything worthless that the key with `id` ever signed; the one that signs is replaced.
    package mutating func revoke(_ id: String, at now: Int64) throws(SnapshotError) {
        guard keys.contains(where: { $0.entry.id == id }) else {
            throw SnapshotError(
                .unknownKey,
                "There is no key \(id); known are \(keys.map(\.entry.id).joined(separator: ", "))"
            )
        }
        if keys.last?.entry.id == id { try rotate(at: now) }
        for index in keys.indices where keys[index].entry.id == id { keys[index].entry.isRevoked = true }
        // What it signed last is worth nothing, so the same documents are signed anew in a position of their own.
        epoch += 1
        try signKeys()
    }

    private mutating func signKeys() throws(SnapshotError) {
        guard let root = rootSeed.flatMap({ SigningKey(seed: $0) }) else {
            throw SnapshotError(.keySet, "The root key's secret is not in the data folder; put it back for this change")
        }
        // All is signed anew when keys change, so the oldest are needed no more; one that is missing is refused, too.
        if keys.count > Self.keptKeys { keys.removeFirst(keys.count - Self.keptKeys) }
        let set = KeySet(version: version + 1, keys: keys.map(\.entry))
        keySet = set.bytes
        keySetSignature = try root.sign(keySet, context: KeySet.context)
    }

    /// The version of the set of keys; 0 if there is none.
    package var version: Int64 {
        (try? JSONValue(parsing: keySet))?["version"]?.integerValue ?? 0
    }

    /// Takes note of how many changes the store knows of; fewer than before make a new epoch, as after a backup was restored.
    /// - Returns: Whether there is something to write down.
    mutating func saw(count: Int64) -> Bool {
        guard count != self.count else { return false }
        if count < self.count { epoch += 1 }
        self.count = count
        return true
    }

    /// Takes over what another process did about keys, and keeps what this one signed.
    mutating func adopt(_ new: SigningBook) {
        let old = self
        self = new
        epoch = max(epoch, old.epoch)
        count = max(count, old.count)
        for (name, mark) in old.marks where marks[name].map({ $0.position < mark.position }) ?? true {
            marks[name] = mark
        }
    }

    // MARK: Signing

    /// The time that the document of `environment` has where it is published: never one that was published already.
    ///
    /// It is its own, unless a later one was published that a store has forgotten since, as a backup does: SDKs go by time
    /// alone, and take nothing that is older than what they hold.
    func time(of environment: String, sequence: Int64, _ time: Int64) -> Int64 {
        guard let last = marks[environment] else { return time }
        return max(time, sequence == last.position.sequence ? last.time : last.time + 1)
    }

    /// Signs a document, under the position that it has or, if that was given to another one, in a new epoch.
    mutating func sign(
        _ payload: [UInt8],
        environment: String,
        sequence: Int64,
        issuedAt: Int64
    ) throws(SnapshotError) -> SignedSnapshot {
        guard let signer, let id = keys.last?.entry.id else {
            throw SnapshotError(.unknownKey, "There is no key to sign with")
        }
        let hash = SnapshotHash(of: payload)
        let last = marks[environment]
        if let last, last.position.epoch == epoch,
            sequence < last.position.sequence || sequence == last.position.sequence && hash != last.hash
        {
            // A backup was restored, or this version writes the same document differently (SNAP-8).
            epoch += 1
        }
        let position = SnapshotPosition(epoch: epoch, sequence: sequence)
        let manifest = SnapshotManifest(
            project: project,
            environment: environment,
            position: position,
            // Never before the key that signs began to.
            issuedAt: max(issuedAt, keys.last?.entry.notBefore ?? 0),
            payload: payload,
            previousHash: last.flatMap { $0.hash == hash ? nil : $0.hash },
            keyID: id
        ).bytes
        let seal = SnapshotSeal(
            manifest: manifest,
            signature: try signer.sign(manifest, context: SnapshotManifest.context),
            keySet: keySet,
            keySetSignature: keySetSignature
        )
        marks[environment] = Mark(position: position, hash: hash, time: issuedAt)
        return SignedSnapshot(seal: seal, payload: payload)
    }

    /// Signs a text, whose members `key_id` and `issued_at` are added.
    func sign(_ object: JSONObject, as kind: SignedText.Kind, at now: Int64) throws(SnapshotError) -> SignedText {
        guard let signer, let key = keys.last?.entry else {
            throw SnapshotError(.unknownKey, "There is no key to sign with")
        }
        var object = object
        object["key_id"] = .string(key.id)
        object["issued_at"] = .integer(max(now, key.notBefore))
        let bytes = JSONValue.object(object).bytes
        return SignedText(bytes: bytes, signature: try signer.sign(bytes, context: kind.context))
    }
}

/// The book as a file.
extension SigningBook {
    /// Reads what `folder` holds; nil if there is no book.
    /// - Throws: `StartFailure` for one that does not read: a new one would lock all readers out.
    package init?(in folder: DataFolder) throws(StartFailure) {
        guard let content = try? Data(contentsOf: URL(filePath: folder.signingFile)) else { return nil }
        guard let object = (try? JSONValue(parsing: [UInt8](content)))?.objectValue, let book = SigningBook(object)
        else {
            throw StartFailure(.other, "The keys in \(folder.signingFile) do not read; restore the file from a backup")
        }
        self = book
    }

    /// The book of `folder`, which is made if it is not there.
    package static func open(in folder: DataFolder, at now: Int64) throws(StartFailure) -> SigningBook {
        if let book = try SigningBook(in: folder) { return book }
        let book: SigningBook
        do throws(SnapshotError) { book = try SigningBook(at: now) } catch {
            throw StartFailure(.other, "The keys for signing cannot be made: \(error)")
        }
        try book.keep(in: folder)
        return book
    }

    /// Writes the book down.
    package func keep(in folder: DataFolder) throws(StartFailure) {
        try folder.save(json.bytes, as: folder.signingFile)
    }

    private var json: JSONValue {
        var object: JSONObject = [
            "project": .string(project), "epoch": .integer(epoch), "count": .integer(count),
            "root_public": .string(SnapshotBase64.encode(rootKey)),
        ]
        object.set("root_seed", rootSeed.map { .string(SnapshotBase64.encode($0)) })
        object["key_set"] = .string(SnapshotBase64.encode(keySet))
        object["key_set_signature"] = .string(SnapshotBase64.encode(keySetSignature))
        object["seeds"] = .object(
            keys.reduce(into: JSONObject()) { seeds, key in
                seeds.set(key.entry.id, key.seed.map { .string(SnapshotBase64.encode($0)) })
            }
        )
        object["marks"] = .object(
            marks.reduce(into: JSONObject()) { all, mark in
                all[mark.key] = [
                    "epoch": .integer(mark.value.position.epoch), "seq": .integer(mark.value.position.sequence),
                    "sha256": .string(mark.value.hash.text), "time": .integer(mark.value.time),
                ]
            }
        )
        return .object(object)
    }

    private init?(_ object: JSONObject) {
        func bytes(_ name: String) -> [UInt8]? { object[name]?.stringValue.flatMap(SnapshotBase64.decode) }
        guard let project = object["project"]?.stringValue, let epoch = object["epoch"]?.integerValue,
            let rootKey = bytes("root_public"), let keySet = bytes("key_set"),
            let keySetSignature = bytes("key_set_signature"),
            let set = try? KeySet(keySet, signature: keySetSignature, rootKeys: [rootKey])
        else { return nil }
        self.project = project
        self.epoch = epoch
        count = object["count"]?.integerValue ?? 0
        self.rootKey = rootKey
        rootSeed = bytes("root_seed")
        self.keySet = keySet
        self.keySetSignature = keySetSignature
        let seeds = object["seeds"]?.objectValue ?? [:]
        keys = set.keys.map { Key(entry: $0, seed: seeds[$0.id]?.stringValue.flatMap(SnapshotBase64.decode)) }
        for member in object["marks"]?.objectValue ?? [:] {
            guard let epoch = member.value["epoch"]?.integerValue, let sequence = member.value["seq"]?.integerValue,
                let hash = member.value["sha256"]?.stringValue.flatMap(SnapshotHash.init),
                let time = member.value["time"]?.integerValue
            else { return nil }
            let position = SnapshotPosition(epoch: epoch, sequence: sequence)
            marks[member.name] = Mark(position: position, hash: hash, time: time)
        }
    }
}
