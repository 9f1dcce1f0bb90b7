// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import FloodgateJSON

/// The keys that may sign snapshots, signed by the root key.
///
/// Only the root key has to be known beforehand; it signs nothing else, and can be kept where no server is.
public struct KeySet: Sendable, Hashable {
    /// What the root key's signatures begin with.
    public static let context = "floodgate.keyset.v1\n"

    /// One key.
    public struct Key: Sendable, Hashable {
        /// What manifests call it.
        public var id: String
        /// The public key: 32 bytes.
        public var publicKey: [UInt8]
        /// From when on its signatures are good, in Unix milliseconds.
        public var notBefore: Int64
        /// Until when they are; nil while the key is in use.
        ///
        /// What was signed in that time stays good when it is over: the key is retired, not revoked.
        public var notAfter: Int64?
        /// Whether nothing that it ever signed is good any more.
        public var isRevoked: Bool

        /// A key.
        public init(id: String, publicKey: [UInt8], notBefore: Int64, notAfter: Int64? = nil, isRevoked: Bool = false) {
            self.id = id
            self.publicKey = publicKey
            self.notBefore = notBefore
            self.notAfter = notAfter
            self.isRevoked = isRevoked
        }
    }

    /// Rises with each change.
    public var version: Int64
    /// All keys that there ever were.
    public var keys: [Key]

    /// A set.
    public init(version: Int64, keys: [Key]) {
        self.version = version
        self.keys = keys
    }

    /// The set as it is signed and sent.
    public var bytes: [UInt8] {
        let keys = keys.map { key in
            var object: JSONObject = [
                "id": .string(key.id), "public": .string(SnapshotBase64.encode(key.publicKey)),
                "not_before": .integer(key.notBefore),
            ]
            object.set("not_after", key.notAfter.map { .integer($0) })
            object["roles"] = ["publish"]
            if key.isRevoked { object["revoked"] = true }
            return JSONValue.object(object)
        }
        return JSONValue.object(["version": .integer(version), "keys": .array(keys)]).bytes
    }

    /// Reads a set that `rootKeys` may have signed.
    /// - Parameters:
    ///   - bytes: The set as it came.
    ///   - signature: 64 bytes.
    ///   - rootKeys: Public keys of 32 bytes; two while one takes the other's place.
    /// - Throws: `SnapshotError.keySet` if none of them signed it, or if it does not read.
    public init(_ bytes: [UInt8], signature: [UInt8], rootKeys: [[UInt8]]) throws(SnapshotError) {
        guard bytes.count <= SnapshotLimits.keySetBytes else { throw SnapshotError(.keySet, "It is too long") }
        let signed = Array(Self.context.utf8) + bytes
        guard rootKeys.contains(where: { Signatures.isGood(signature, of: signed, by: $0) }) else {
            throw SnapshotError(.keySet, "No root key that is known here signed the set of keys")
        }
        guard let object = (try? JSONValue(parsing: bytes))?.objectValue, let version = object["version"]?.integerValue,
            let list = object["keys"]?.arrayValue
        else { throw SnapshotError(.keySet, "The set of keys is no object with a version and keys") }
        self.version = version
        var keys: [Key] = []
        for item in list {
            guard let item = item.objectValue, let id = item["id"]?.stringValue,
                let publicKey = item["public"]?.stringValue.flatMap(SnapshotBase64.decode), publicKey.count == 32,
                let notBefore = item["not_before"]?.integerValue, let roles = item["roles"]?.arrayValue
            else { throw SnapshotError(.keySet, "A key of the set lacks id, public, not_before or roles") }
            // Keys for something else may come one day.
            guard roles.contains("publish") else { continue }
            keys.append(
                Key(
                    id: id,
                    publicKey: publicKey,
                    notBefore: notBefore,
                    notAfter: item["not_after"]?.integerValue,
                    isRevoked: item["revoked"] == true
                )
            )
        }
        self.keys = keys
    }

    /// The key that may sign something of the time `issuedAt`.
    func key(_ id: String, at issuedAt: Int64) throws(SnapshotError) -> Key {
        guard let key = keys.first(where: { $0.id == id }) else {
            throw SnapshotError(.unknownKey, "The set of keys has no key \(id)")
        }
        guard !key.isRevoked else { throw SnapshotError(.revokedKey, "The key \(id) was revoked") }
        guard issuedAt >= key.notBefore, key.notAfter.map({ issuedAt <= $0 }) ?? true else {
            throw SnapshotError(.unknownKey, "The key \(id) was not valid when this was signed")
        }
        return key
    }
}

/// Ed25519 (RFC 8032), as the library has it.
public enum Signatures {
    /// Whether the owner of `publicKey` signed `message`.
    static func isGood(_ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return false }
        return key.isValidSignature(signature, for: message)
    }
}

/// A secret that signs.
public struct SigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// A new key, by the system's randomness.
    public init() { key = Curve25519.Signing.PrivateKey() }

    /// The key of a seed of 32 bytes; nil if they are not as many.
    public init?(seed: [UInt8]) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else { return nil }
        self.key = key
    }

    /// What to keep, where nobody else reads it.
    public var seed: [UInt8] { Array(key.rawRepresentation) }
    /// What everybody may know: 32 bytes.
    public var publicKey: [UInt8] { Array(key.publicKey.rawRepresentation) }
    /// What manifests call the key: 16 digits of its hash.
    public var id: String { String(SnapshotHash(of: publicKey).text.prefix(16)) }

    /// The signature of `bytes` as a text of the kind that `context` names.
    /// - Throws: `SnapshotError.signature` if the library cannot sign.
    public func sign(_ bytes: [UInt8], context: String) throws(SnapshotError) -> [UInt8] {
        do { return Array(try key.signature(for: Array(context.utf8) + bytes)) } catch {
            throw SnapshotError(.signature, "The library cannot sign: \(error)")
        }
    }
}

/// Base64 for headers and JSON (RFC 4648 §4).
public enum SnapshotBase64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// `bytes` as text, with padding.
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            bits <<= UInt32(8 * (3 - group.count))
            for index in 0..<4 {
                text.append(
                    index > group.count ? UInt8(ascii: "=") : alphabet[Int(bits >> UInt32(18 - 6 * index)) & 63]
                )
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes behind `text`; nil if it is not base64 with its padding, written in the one way that there is.
    public static func decode(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 4) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3)
        for start in stride(from: 0, to: digits.count, by: 4) {
            let group = digits[start..<start + 4].prefix { $0 != UInt8(ascii: "=") }
            guard group.count >= 2, group.count == 4 || start + 4 == digits.count else { return nil }
            var bits: UInt32 = 0
            for digit in group {
                guard let value = alphabet.firstIndex(of: digit) else { return nil }
                bits = bits << 6 | UInt32(value)
            }
            bits <<= UInt32(6 * (4 - group.count))
            for index in 0..<group.count - 1 { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * index))) }
        }
        return encode(bytes) == text ? bytes : nil
    }
}
