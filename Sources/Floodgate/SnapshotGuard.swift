// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import FloodgateSnapshots
internal import Synchronization

/// Decides whether a document from outside is one that the project published, where the application wants to know.
final class SnapshotGuard: Sendable {
    /// The header that asks a server for the seal of a document, and the value.
    static let request = (name: "floodgate-snapshot", value: "signed")
    /// The headers that hold it.
    static let fields = [SnapshotSeal.manifestField, SnapshotSeal.signatureField, SnapshotSeal.keySetField]

    private let verifier: Mutex<SnapshotVerifier>
    private let requiresSignature: Bool

    /// A guard that trusts `rootKeys`, in base64; those that are no keys are trusted with nothing.
    init(rootKeys: [String], requiresSignature: Bool) {
        self.requiresSignature = requiresSignature
        verifier = Mutex(SnapshotVerifier(rootKeys: rootKeys.compactMap(SnapshotBase64.decode)))
    }

    /// The document with its seal, if it may be used.
    /// - Returns: nil for what nobody signed and need not be: the word that there is nothing new, and any document if that
    ///   is allowed.
    func check(_ bytes: [UInt8], seal fields: [String: String]) throws(ClientError) -> SignedSnapshot? {
        do throws(SnapshotError) {
            guard let seal = try SnapshotSeal(fields: { fields[$0] }) else {
                guard requiresSignature else { return nil }
                if (try? JSONValue(parsing: bytes))?["has_updates"] == false { return nil }
                throw SnapshotError(.unsigned, "It has no signature; does this server sign what it publishes?")
            }
            let snapshot = SignedSnapshot(seal: seal, payload: bytes)
            try check(snapshot)
            return snapshot
        } catch {
            throw ClientError(.document, "\(error)")
        }
    }

    /// The document that a file holds, if it may be used.
    /// - Returns: nil for a document that nobody signed, if that is allowed.
    func check(file bytes: [UInt8]) throws(ClientError) -> SignedSnapshot? {
        do throws(SnapshotError) {
            if !requiresSignature, (try? SignedSnapshot(fileBytes: bytes)) == nil { return nil }
            let snapshot = try SignedSnapshot(fileBytes: bytes)
            try check(snapshot)
            return snapshot
        } catch {
            throw ClientError(.document, "\(error)")
        }
    }

    private func check(_ snapshot: SignedSnapshot) throws(SnapshotError) {
        _ = try verifier.withLock { verifier throws(SnapshotError) in try verifier.check(snapshot) }
    }

    /// Remembers what is used, so that nothing older is.
    func hold(_ snapshot: SignedSnapshot) { verifier.withLock { try? $0.hold(snapshot) } }
}
