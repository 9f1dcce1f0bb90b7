// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON
package import FloodgateSnapshots

/// All that an edge has to know in order to serve one environment without asking anybody: who may ask, and what there is.
///
/// It is signed as one text by the publisher, so that no edge takes a list of keys from anybody else, and edges hand it on
/// as it came.
package struct CellState: Sendable, Hashable {
    /// A key, as far as it is known: its hash.
    package struct Key: Sendable, Hashable {
        /// SHA-256 of the key: 32 bytes.
        package var digest: [UInt8]
        package var lastFour: String
        package var kind: String
        package var createdTime: Int64
        package var expiresTime: Int64?

        package init(digest: [UInt8], lastFour: String, kind: String, createdTime: Int64, expiresTime: Int64?) {
            self.digest = digest
            self.lastFour = lastFour
            self.kind = kind
            self.createdTime = createdTime
            self.expiresTime = expiresTime
        }
    }

    /// An ID list's file.
    package struct List: Sendable, Hashable {
        package var name: String
        package var fileID: String
        package var creationTime: Int64
        package var size: Int
        /// SHA-256 of the file's first `size` bytes.
        package var hash: SnapshotHash

        package init(name: String, fileID: String, creationTime: Int64, size: Int, hash: SnapshotHash) {
            self.name = name
            self.fileID = fileID
            self.creationTime = creationTime
            self.size = size
            self.hash = hash
        }
    }

    package var project: String
    package var environment: String
    /// Where the state stands in the order of all of them: epoch, and the project's changes.
    package var position: SnapshotPosition
    /// The seal of the document.
    package var seal: SnapshotSeal
    /// The document's hash, by which it is fetched.
    package var payloadHash: SnapshotHash
    /// Keys that are good.
    package var keys: [Key]
    package var lists: [List]

    package init(
        project: String,
        environment: String,
        position: SnapshotPosition,
        seal: SnapshotSeal,
        payloadHash: SnapshotHash,
        keys: [Key],
        lists: [List]
    ) {
        self.project = project
        self.environment = environment
        self.position = position
        self.seal = seal
        self.payloadHash = payloadHash
        self.keys = keys
        self.lists = lists
    }

    /// The state as it is signed, but for what the signer adds.
    package var json: JSONObject {
        [
            "format": "floodgate.cell.v1", "project": .string(project), "environment": .string(environment),
            "epoch": .integer(position.epoch), "seq": .integer(position.sequence), "seal": .object(seal.json),
            "payload_sha256": .string(payloadHash.text),
            "keys": .array(
                keys.map { key in
                    var object: JSONObject = [
                        "digest": .string(SnapshotBase64.encode(key.digest)), "last_four": .string(key.lastFour),
                        "kind": .string(key.kind), "created_time": .integer(key.createdTime),
                    ]
                    object.set("expires_time", key.expiresTime.map { .integer($0) })
                    return .object(object)
                }
            ),
            "id_lists": .array(
                lists.map { list in
                    [
                        "name": .string(list.name), "file_id": .string(list.fileID),
                        "creation_time": .integer(list.creationTime), "size": .integer(list.size),
                        "sha256": .string(list.hash.text),
                    ]
                }
            ),
        ]
    }

    /// Reads `json`.
    /// - Throws: `SnapshotError.manifest` if something is missing.
    package init(_ json: JSONObject) throws(SnapshotError) {
        guard json["format"] == "floodgate.cell.v1", let project = json["project"]?.stringValue,
            let environment = json["environment"]?.stringValue, let epoch = json["epoch"]?.integerValue,
            let sequence = json["seq"]?.integerValue,
            let seal = json["seal"]?.objectValue.flatMap(SnapshotSeal.init(json:)),
            let hash = json["payload_sha256"]?.stringValue.flatMap(SnapshotHash.init),
            let keys = json["keys"]?.arrayValue, let lists = json["id_lists"]?.arrayValue
        else { throw SnapshotError(.manifest, "The state lacks a member, or has one of another kind") }
        self.project = project
        self.environment = environment
        position = SnapshotPosition(epoch: epoch, sequence: sequence)
        self.seal = seal
        payloadHash = hash
        self.keys = try keys.map { value throws(SnapshotError) in
            guard let digest = value["digest"]?.stringValue.flatMap(SnapshotBase64.decode), digest.count == 32,
                let lastFour = value["last_four"]?.stringValue, let kind = value["kind"]?.stringValue,
                let created = value["created_time"]?.integerValue
            else { throw SnapshotError(.manifest, "A key of the state lacks a member") }
            let end = value["expires_time"]?.integerValue
            return Key(digest: digest, lastFour: lastFour, kind: kind, createdTime: created, expiresTime: end)
        }
        self.lists = try lists.map { value throws(SnapshotError) in
            guard let name = value["name"]?.stringValue, let fileID = value["file_id"]?.stringValue,
                let created = value["creation_time"]?.integerValue, let size = value["size"]?.integerValue, size >= 0,
                let hash = value["sha256"]?.stringValue.flatMap(SnapshotHash.init)
            else { throw SnapshotError(.manifest, "An ID list of the state lacks a member") }
            return List(name: name, fileID: fileID, creationTime: created, size: Int(clamping: size), hash: hash)
        }
    }
}

/// A state with its publisher's signature, and the keys to check it by.
package struct SignedCell: Sendable, Hashable {
    package var text: SignedText
    package var keySet: SignedText

    package init(text: SignedText, keySet: SignedText) {
        self.text = text
        self.keySet = keySet
    }

    /// The state, if it is genuine and of this project and environment.
    package func state(rootKeys: [[UInt8]]) throws(SnapshotError) -> (state: CellState, keys: KeySet) {
        let keys = try KeySet(keySet.bytes, signature: keySet.signature, rootKeys: rootKeys)
        return (try CellState(try text.contents(as: .cell, by: keys)), keys)
    }

    /// As it lies on a disk and goes over the wire.
    package var bytes: [UInt8] {
        JSONValue.object(["cell": .string(text.field), "key_set": .string(keySet.field)]).bytes
    }

    /// Reads `bytes`; whether it is genuine is for `state` to say.
    package init(_ bytes: [UInt8]) throws(SnapshotError) {
        guard let object = (try? JSONValue(parsing: bytes))?.objectValue,
            let text = object["cell"]?.stringValue.flatMap(SignedText.init(field:)),
            let keySet = object["key_set"]?.stringValue.flatMap(SignedText.init(field:))
        else { throw SnapshotError(.manifest, "The state is no object with a cell and a key_set") }
        self.init(text: text, keySet: keySet)
    }
}
