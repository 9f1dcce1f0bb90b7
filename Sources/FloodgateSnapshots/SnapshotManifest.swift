// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// What is said of one published document, and signed.
///
/// The signature is Ed25519 (RFC 8032) over `SnapshotManifest.context` and the manifest's bytes as they were sent; nobody
/// writes a manifest anew that came from somebody else.
public struct SnapshotManifest: Sendable, Hashable {
    /// What signatures of manifests begin with, so that none of another kind of text can be taken for one.
    public static let context = "floodgate.snapshot.v1\n"
    /// The newest layout that this version reads.
    public static let newestReader = 1

    /// The project.
    public var project: String
    /// The environment.
    public var environment: String
    /// Where the document stands in the order of all of the environment.
    public var position: SnapshotPosition
    /// When the change was committed that made the document, in Unix milliseconds.
    public var issuedAt: Int64
    /// When the document should be replaced at the latest, in Unix milliseconds; nil for never.
    ///
    /// It goes on being used after that.
    public var expiresAt: Int64?
    /// Bytes of the document.
    public var payloadLength: Int
    /// SHA-256 of the document.
    public var payloadHash: SnapshotHash
    /// SHA-256 of the document before it; nil for the first, or where that is not known any more.
    public var previousHash: SnapshotHash?
    /// Which key signed it.
    public var keyID: String
    /// The lowest layout of documents that a reader must know.
    public var minReader: Int = 1

    /// Makes a manifest.
    public init(
        project: String,
        environment: String,
        position: SnapshotPosition,
        issuedAt: Int64,
        payload: [UInt8],
        previousHash: SnapshotHash?,
        keyID: String
    ) {
        self.project = project
        self.environment = environment
        self.position = position
        self.issuedAt = issuedAt
        payloadLength = payload.count
        payloadHash = SnapshotHash(of: payload)
        self.previousHash = previousHash
        self.keyID = keyID
    }

    /// The manifest as it is signed and sent: JSON without blanks, members in this order.
    public var bytes: [UInt8] {
        var object: JSONObject = [
            "format": "floodgate.snapshot.v1", "project": .string(project), "environment": .string(environment),
            "epoch": .integer(position.epoch), "seq": .integer(position.sequence), "schema": "dcs-v2",
            "min_reader": .integer(minReader), "issued_at": .integer(issuedAt),
        ]
        object.set("expires_at", expiresAt.map { .integer($0) })
        object["payload_len"] = .integer(payloadLength)
        object["payload_sha256"] = .string(payloadHash.text)
        object.set("prev_sha256", previousHash.map { .string($0.text) })
        object["key_id"] = .string(keyID)
        return JSONValue.object(object).bytes
    }

    /// Reads a manifest; members that are not known are left alone.
    /// - Throws: `SnapshotError.manifest` if something is missing or is not what it should be.
    public init(_ bytes: [UInt8]) throws(SnapshotError) {
        guard bytes.count <= SnapshotLimits.manifestBytes else { throw SnapshotError(.manifest, "It is too long") }
        guard let object = (try? JSONValue(parsing: bytes))?.objectValue else {
            throw SnapshotError(.manifest, "It is no JSON object")
        }
        guard object["format"] == "floodgate.snapshot.v1" else {
            throw SnapshotError(.manifest, "Its format is not floodgate.snapshot.v1")
        }
        func text(_ name: String) throws(SnapshotError) -> String {
            guard let text = object[name]?.stringValue, !text.isEmpty, text.utf8.count <= 256 else {
                throw SnapshotError(.manifest, "\(name) must be a text of 1 to 256 bytes")
            }
            return text
        }
        func number(_ name: String) throws(SnapshotError) -> Int64 {
            guard let number = object[name]?.integerValue, number >= 0 else {
                throw SnapshotError(.manifest, "\(name) must be an integer from 0 on")
            }
            return number
        }
        func hash(_ name: String) throws(SnapshotError) -> SnapshotHash {
            guard let hash = SnapshotHash(try text(name)) else {
                throw SnapshotError(.manifest, "\(name) must be 64 hexadecimal digits")
            }
            return hash
        }
        project = try text("project")
        environment = try text("environment")
        position = SnapshotPosition(epoch: try number("epoch"), sequence: try number("seq"))
        issuedAt = try number("issued_at")
        expiresAt = object["expires_at"] == nil ? nil : try number("expires_at")
        payloadLength = Int(clamping: try number("payload_len"))
        payloadHash = try hash("payload_sha256")
        previousHash = object["prev_sha256"] == nil ? nil : try hash("prev_sha256")
        keyID = try text("key_id")
        minReader = Int(clamping: try number("min_reader"))
    }
}

/// Where a document stands in the order of all of its environment: by epoch, and by sequence within one.
public struct SnapshotPosition: Sendable, Hashable, Comparable {
    /// Rises when a backup is restored or another region takes over, so that what is left of before cannot win.
    public var epoch: Int64
    /// Rises with each publication.
    public var sequence: Int64

    /// A position.
    public init(epoch: Int64, sequence: Int64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// Whether `left` comes before `right`.
    public static func < (left: SnapshotPosition, right: SnapshotPosition) -> Bool {
        (left.epoch, left.sequence) < (right.epoch, right.sequence)
    }
}
