// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
import FloodgateGzip
import FloodgateJSON
package import FloodgateSnapshots
package import FloodgateSpecs

/// One environment's snapshot with every byte that is ever sent for it, made once; immutable.
package struct PreparedSnapshot: Sendable {
    /// The environment's name.
    package let environment: String
    /// When the content last changed, in Unix milliseconds.
    package let time: UInt64
    /// Changes whenever the content does.
    package let checksum: String?
    /// The checksum as an entity tag (RFC 9110, 8.8.3), quotes included.
    package let entityTag: String?
    /// The compiled document, for evaluation on behalf of clients.
    package let ruleset: Ruleset
    /// Names of gates that are switched off.
    package let switchedOff: [String]
    /// What makes the document of shape v2 one that can be trusted; nil if nobody signed it.
    package let seal: SnapshotSeal?
    /// SHA-256 of the document of shape v2.
    package let hash: SnapshotHash

    private let v1: PreparedBody
    private let v2: PreparedBody

    /// Serialises, compresses and compiles `document`.
    ///
    /// - Parameters:
    ///   - document: What the environment's SDKs are to get.
    ///   - environment: The environment's name.
    ///   - receivedAt: The current time in Unix milliseconds.
    /// - Throws: `GzipError` if there is no memory to compress with, `SpecError` if SDKs would refuse the document.
    package init(_ document: SpecDocument, environment: String, receivedAt: Int64) throws {
        let document = Self.cleaned(document)
        try self.init(
            document,
            payload: document.bytes(.v2),
            seal: nil,
            environment: environment,
            receivedAt: receivedAt
        )
    }

    /// The document as it is published: what is signed, and what all readers of shape v2 get.
    package static func payload(of document: SpecDocument) -> [UInt8] { cleaned(document).bytes(.v2) }

    /// Serialises, compresses and compiles what was signed, whose bytes stay as they are.
    /// - Throws: As above; `SnapshotError.document` if it does not read as a document.
    package init(_ snapshot: SignedSnapshot, environment: String, receivedAt: Int64) throws {
        guard let document = try SpecDocument.read(snapshot.payload) else {
            throw SnapshotError(.document, "It says that there is nothing new")
        }
        let entities = document.gates.count + document.dynamicConfigs.count + document.layers.count
        guard entities <= SnapshotLimits.entities else {
            throw SnapshotError(.document, "It has \(entities) entities; \(SnapshotLimits.entities) may be")
        }
        try self.init(
            Self.cleaned(document),
            payload: snapshot.payload,
            seal: snapshot.seal,
            environment: environment,
            receivedAt: receivedAt
        )
    }

    private static func cleaned(_ document: SpecDocument) -> SpecDocument {
        var document = document
        // Of whichever key the document was once downloaded with; older SDKs refuse a document that is not for theirs.
        _ = document.others.remove("hashed_sdk_key_used")
        return document
    }

    private init(
        _ document: SpecDocument,
        payload: [UInt8],
        seal: SnapshotSeal?,
        environment: String,
        receivedAt: Int64
    ) throws {
        self.environment = environment
        self.seal = seal
        switchedOff = document.gates.filter { !$0.isEnabled }.map(\.name)
        hash = SnapshotHash(of: payload)
        time = document.time
        checksum = document.checksum
        entityTag = document.checksum.flatMap(Self.entityTag)
        v1 = try PreparedBody(document.bytes(.v1))
        v2 = try PreparedBody(payload)
        ruleset = try Ruleset(compiling: document, receivedAt: receivedAt)
    }

    /// The answer to a client that holds `held`: the whole snapshot, or that there is nothing new.
    package func answer(_ shape: SpecDocument.Shape, toHolderOf held: HeldSnapshot, acceptsGzip: Bool) -> PreparedAnswer
    {
        if let heldTime = held.time, heldTime >= time, held.agrees(with: checksum) {
            return PreparedAnswer(body: Self.nothingNew, isCompressed: false, isUpdate: false)
        }
        let body = shape == .v1 ? v1 : v2
        return PreparedAnswer(body: acceptsGzip ? body.gzip : body.identity, isCompressed: acceptsGzip, isUpdate: true)
    }

    /// The document of shape v2, plain or compressed.
    package func body(compressed: Bool) -> [UInt8] { compressed ? v2.gzip : v2.identity }

    /// `{"has_updates":false}`: what SDKs take for "nothing new"; they read a 304 or an empty body as a failure.
    package static let nothingNew = Array(#"{"has_updates":false}"#.utf8)

    private static func entityTag(_ checksum: String) -> String? {
        let isQuotable = checksum.utf8.allSatisfy { 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "\"") }
        return isQuotable ? "\"\(checksum)\"" : nil
    }
}

/// What to send for one request.
package struct PreparedAnswer: Sendable {
    /// The body as it goes out.
    package let body: [UInt8]
    /// Whether the body is in gzip format.
    package let isCompressed: Bool
    /// Whether the body is the snapshot, not the word that there is nothing new.
    package let isUpdate: Bool
}

/// One document, plain and compressed.
private struct PreparedBody: Sendable {
    let identity: [UInt8]
    let gzip: [UInt8]

    init(_ bytes: [UInt8]) throws(GzipError) {
        identity = bytes
        // A large document is waited for; the last level takes three times as long for one part in a hundred.
        gzip = try Gzip.compress(bytes, level: bytes.count > 64 << 10 ? 6 : 9)
    }
}
