// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSnapshots
import Synchronization

/// Signs what this server publishes, with the keys of its data folder.
package final class SnapshotSigner: Sendable {
    private let folder: DataFolder?
    private let book: Mutex<SigningBook>
    private let now: @Sendable () -> Int64

    /// A signer with the book of `folder`; without a folder, with one that nobody keeps.
    /// - Throws: `StartFailure` if the book does not read or cannot be written.
    package init(folder: DataFolder?, now: @escaping @Sendable () -> Int64) throws(StartFailure) {
        self.folder = folder
        self.now = now
        if let folder {
            book = Mutex(try SigningBook.open(in: folder, at: now()))
            return
        }
        do throws(SnapshotError) { book = Mutex(try SigningBook(at: now())) } catch {
            throw StartFailure(.other, "The keys for signing cannot be made: \(error)")
        }
    }

    /// The root's public key, which readers must be given.
    package var rootKey: [UInt8] { book.withLock { $0.rootKey } }
    /// What the project is called where several meet.
    package var project: String { book.withLock { $0.project } }

    /// Takes keys up that another process has changed.
    /// - Returns: Whether there are others than before.
    func reread() -> Bool {
        guard let folder, let new = try? SigningBook(in: folder) else { return false }
        return book.withLock { book in
            guard new.version > book.version else { return false }
            book = new
            return true
        }
    }

    /// The time that the document of `environment` has where it is published.
    func time(of environment: String, sequence: Int64, _ time: UInt64) -> UInt64 {
        let time = Int64(clamping: time)
        return UInt64(clamping: book.withLock { $0.time(of: environment, sequence: sequence, time) })
    }

    /// Signs a document, and writes down that it did before anybody sees it.
    func sign(
        _ payload: [UInt8],
        environment: String,
        sequence: Int64,
        issuedAt: Int64
    ) throws -> SignedSnapshot {
        try book.withLock { book in
            let snapshot = try book.sign(payload, environment: environment, sequence: sequence, issuedAt: issuedAt)
            if let folder { try book.keep(in: folder) }
            return snapshot
        }
    }

    /// Signs a text.
    func sign(_ object: JSONObject, as kind: SignedText.Kind) throws(SnapshotError) -> SignedText {
        let time = now()
        return try book.withLock { book throws(SnapshotError) in try book.sign(object, as: kind, at: time) }
    }

    /// The set of keys and its signature.
    var keySet: SignedText { book.withLock { SignedText(bytes: $0.keySet, signature: $0.keySetSignature) } }
}
