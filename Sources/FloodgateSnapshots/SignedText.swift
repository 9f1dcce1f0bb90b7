// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// What a publisher says besides documents, with who signed it.
///
/// The text is a JSON object with the members `key_id` and `issued_at`; what else it holds depends on its kind.
public struct SignedText: Sendable, Hashable {
    /// A kind of text, by what its signatures begin with.
    public struct Kind: Sendable, Hashable {
        /// The beginning.
        public let context: String

        /// What an edge serves: documents, keys, ID lists.
        public static let cell = Kind(context: "floodgate.cell.v1\n")
        /// That what stands there is still the newest.
        public static let heartbeat = Kind(context: "floodgate.heartbeat.v1\n")
    }

    /// The text as it was signed.
    public var bytes: [UInt8]
    /// The publishing key's signature.
    public var signature: [UInt8]

    /// A text with its signature.
    public init(bytes: [UInt8], signature: [UInt8]) {
        self.bytes = bytes
        self.signature = signature
    }

    /// Reads a header field: the text and the signature in base64, with a point between them.
    public init?(field: String) {
        let parts = field.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let bytes = SnapshotBase64.decode(String(parts[0])),
            let signature = SnapshotBase64.decode(String(parts[1]))
        else { return nil }
        self.init(bytes: bytes, signature: signature)
    }

    /// The text as a header field.
    public var field: String { SnapshotBase64.encode(bytes) + "." + SnapshotBase64.encode(signature) }

    /// What the text says, if a key of `keys` signed it as one of `kind`.
    /// - Throws: `SnapshotError` for a key that may not sign, and for what it did not sign.
    public func contents(as kind: Kind, by keys: KeySet) throws(SnapshotError) -> JSONObject {
        guard let object = (try? JSONValue(parsing: bytes))?.objectValue, let id = object["key_id"]?.stringValue,
            let issuedAt = object["issued_at"]?.integerValue
        else { throw SnapshotError(.manifest, "The text is no object with key_id and issued_at") }
        let key = try keys.key(id, at: issuedAt)
        guard Signatures.isGood(signature, of: Array(kind.context.utf8) + bytes, by: key.publicKey) else {
            throw SnapshotError(.signature, "The text is not signed by the key \(id)")
        }
        return object
    }
}
