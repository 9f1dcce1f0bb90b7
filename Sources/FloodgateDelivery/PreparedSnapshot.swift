// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
import FloodgateGzip
import FloodgateJSON
package import FloodgateSnapshots
package import FloodgateSpecs

/// One environment's snapshot with every byte that is ever sent for it, each made once; immutable.
///
/// The document of shape v2 is there at once. Its compressed form, and all of shape v1, are made when they are needed
/// first, which nobody has to wait for who needs something else.
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
    /// The document of shape v2.
    package let payload: [UInt8]
    /// SHA-256 of the document of shape v2.
    package let hash: SnapshotHash

    private let v1: PreparedBody
    private let v2: PreparedBody

    /// Serialises and compiles `document`.
    ///
    /// - Parameters:
    ///   - document: What the environment's SDKs are to get.
    ///   - environment: The environment's name.
    ///   - receivedAt: The current time in Unix milliseconds.
    /// - Throws: `SpecError` if SDKs would refuse the document.
    package init(_ document: SpecDocument, environment: String, receivedAt: Int64) throws {
        self.init(
            try Ruleset(compiling: document, receivedAt: receivedAt),
            payload: Self.payload(of: document),
            compressed: nil,
            seal: nil,
            environment: environment
        )
    }

    /// The document as it is published: what is signed, and what all readers of shape v2 get.
    package static func payload(of document: SpecDocument) -> [UInt8] {
        var document = document
        // Of whichever key the document was once downloaded with; older SDKs refuse a document that is not for theirs.
        _ = document.others.remove("hashed_sdk_key_used")
        return document.bytes(.v2)
    }

    /// Compiles what was signed, whose bytes stay as they are.
    ///
    /// - Parameters:
    ///   - snapshot: What was signed.
    ///   - compressed: The document in gzip format, if that is there already.
    ///   - environment: The environment's name.
    ///   - receivedAt: The current time in Unix milliseconds.
    /// - Throws: `SpecError` if SDKs would refuse the document; `SnapshotError.document` if it is none, or too much.
    package init(
        _ snapshot: SignedSnapshot,
        compressed: [UInt8]? = nil,
        environment: String,
        receivedAt: Int64
    ) throws {
        guard let ruleset = try Ruleset(reading: snapshot.payload, receivedAt: receivedAt) else {
            throw SnapshotError(.document, "It says that there is nothing new")
        }
        for (what, count, limit) in [
            ("entities", ruleset.entityCount, SnapshotLimits.entities),
            ("rules in one entity", ruleset.mostRules, SnapshotLimits.rules),
            ("conditions in one entity", ruleset.mostConditions, SnapshotLimits.conditions),
        ] where count > limit {
            throw SnapshotError(.document, "It has \(count) \(what); \(limit) may be")
        }
        self.init(
            ruleset,
            payload: snapshot.payload,
            compressed: compressed,
            seal: snapshot.seal,
            environment: environment
        )
    }

    private init(
        _ ruleset: Ruleset,
        payload: [UInt8],
        compressed: [UInt8]?,
        seal: SnapshotSeal?,
        environment: String
    ) {
        self.environment = environment
        self.seal = seal
        self.ruleset = ruleset
        self.payload = payload
        switchedOff = ruleset.disabledGateNames
        hash = SnapshotHash(of: payload)
        time = ruleset.time
        checksum = ruleset.checksum
        entityTag = ruleset.checksum.flatMap(Self.entityTag)
        v1 = PreparedBody(MadeOnce { try SpecDocument.read(payload).map { $0.bytes(.v1) } ?? Self.nothingNew })
        v2 = PreparedBody(MadeOnce(payload), gzip: compressed.map { MadeOnce($0) })
    }

    /// The answer to a client that holds `held`: the whole snapshot, or that there is nothing new.
    /// - Throws: `SpecError` if the document cannot be had in this shape.
    package func answer(
        _ shape: SpecDocument.Shape,
        toHolderOf held: HeldSnapshot,
        acceptsGzip: Bool
    ) async throws -> PreparedAnswer {
        if let heldTime = held.time, heldTime >= time, held.agrees(with: checksum) {
            return PreparedAnswer(body: Self.nothingNew, isCompressed: false, isUpdate: false)
        }
        return try await body(shape, acceptsGzip: acceptsGzip)
    }

    /// The document, as soon as it is made.
    package func body(_ shape: SpecDocument.Shape = .v2, acceptsGzip: Bool) async throws -> PreparedAnswer {
        let body = shape == .v1 ? v1 : v2
        // Without memory to compress with, it goes out as it is.
        if acceptsGzip, let gzip = try? await body.gzip.bytes() {
            return PreparedAnswer(body: gzip, isCompressed: true, isUpdate: true)
        }
        return PreparedAnswer(body: try await body.identity.bytes(), isCompressed: false, isUpdate: true)
    }

    /// The document, if it is made already.
    package func ready(_ shape: SpecDocument.Shape, compressed: Bool) -> [UInt8]? {
        let body = shape == .v1 ? v1 : v2
        return (compressed ? body.gzip : body.identity).ready
    }

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
    let identity: MadeOnce
    let gzip: MadeOnce

    init(_ identity: MadeOnce, gzip: MadeOnce? = nil) {
        self.identity = identity
        self.gzip =
            gzip
            ?? MadeOnce {
                let bytes = try await identity.bytes()
                // A large document is waited for; the last level takes three times as long for one part in a hundred.
                return try Gzip.compress(bytes, level: bytes.count > 64 << 10 ? 6 : 9)
            }
    }
}
