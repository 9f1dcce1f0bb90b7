// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// What travels beside a document: its manifest and the keys, each with a signature, byte by byte as they were made.
public struct SnapshotSeal: Sendable, Hashable {
    /// The manifest.
    public var manifest: [UInt8]
    /// The publishing key's signature of the manifest.
    public var signature: [UInt8]
    /// The set of keys.
    public var keySet: [UInt8]
    /// The root key's signature of the set.
    public var keySetSignature: [UInt8]

    /// A seal of its parts.
    public init(manifest: [UInt8], signature: [UInt8], keySet: [UInt8], keySetSignature: [UInt8]) {
        self.manifest = manifest
        self.signature = signature
        self.keySet = keySet
        self.keySetSignature = keySetSignature
    }

    /// The header field of the manifest.
    public static let manifestField = "floodgate-manifest"
    /// The header field of its signature.
    public static let signatureField = "floodgate-signature"
    /// The header field of the keys and their signature.
    public static let keySetField = "floodgate-key-set"

    /// The seal as header fields; the signature of the set stands behind the set and a point.
    public var fields: [(name: String, value: String)] {
        [
            (Self.manifestField, SnapshotBase64.encode(manifest)),
            (Self.signatureField, SnapshotBase64.encode(signature)),
            (Self.keySetField, SnapshotBase64.encode(keySet) + "." + SnapshotBase64.encode(keySetSignature)),
        ]
    }

    /// Reads the fields that `value` finds; nil if there are none.
    /// - Throws: `SnapshotError.manifest` if they are not all there, or are not base64.
    public init?(fields value: (String) -> String?) throws(SnapshotError) {
        guard let manifest = value(Self.manifestField) else { return nil }
        let keys = (value(Self.keySetField) ?? "").split(separator: ".", omittingEmptySubsequences: false)
        guard let manifest = SnapshotBase64.decode(manifest),
            let signature = value(Self.signatureField).flatMap(SnapshotBase64.decode), keys.count == 2,
            let keySet = SnapshotBase64.decode(String(keys[0])),
            let keySetSignature = SnapshotBase64.decode(String(keys[1]))
        else { throw SnapshotError(.manifest, "Its fields are incomplete or not base64") }
        self.init(manifest: manifest, signature: signature, keySet: keySet, keySetSignature: keySetSignature)
    }

    /// The seal as a JSON object, for files and events.
    public var json: JSONObject {
        [
            "manifest": .string(SnapshotBase64.encode(manifest)),
            "signature": .string(SnapshotBase64.encode(signature)),
            "key_set": .string(SnapshotBase64.encode(keySet)),
            "key_set_signature": .string(SnapshotBase64.encode(keySetSignature)),
        ]
    }

    /// Reads `json`; nil if a part is missing or is not base64.
    public init?(json: JSONObject) {
        func part(_ name: String) -> [UInt8]? { json[name]?.stringValue.flatMap(SnapshotBase64.decode) }
        guard let manifest = part("manifest"), let signature = part("signature"), let keySet = part("key_set"),
            let keySetSignature = part("key_set_signature")
        else { return nil }
        self.init(manifest: manifest, signature: signature, keySet: keySet, keySetSignature: keySetSignature)
    }
}

/// A document with its seal.
public struct SignedSnapshot: Sendable, Hashable {
    /// What is said of the document.
    public var seal: SnapshotSeal
    /// The document: a config-specs document of shape v2, plain.
    public var payload: [UInt8]

    /// A document with its seal.
    public init(seal: SnapshotSeal, payload: [UInt8]) {
        self.seal = seal
        self.payload = payload
    }

    /// As it lies on a disk: a line of JSON with the seal, and the document.
    public var fileBytes: [UInt8] { JSONValue.object(seal.json).bytes + [UInt8(ascii: "\n")] + payload }

    /// Reads what `fileBytes` made; whether it is genuine is for the verifier to say.
    /// - Throws: `SnapshotError.manifest` if there is no seal in the first line.
    public init(fileBytes: [UInt8]) throws(SnapshotError) {
        guard let end = fileBytes.firstIndex(of: UInt8(ascii: "\n")),
            let json = (try? JSONValue(parsing: Array(fileBytes[..<end])))?.objectValue,
            let seal = SnapshotSeal(json: json)
        else { throw SnapshotError(.manifest, "The file does not begin with a seal") }
        self.init(seal: seal, payload: Array(fileBytes[(end + 1)...]))
    }
}
