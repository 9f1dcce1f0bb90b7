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

    /// Counts how often documents were put back.
    var epoch: Int64 { book.withLock { $0.epoch } }

    /// Takes keys up that another process has changed.
    func reread() {
        guard let folder, let new = try? SigningBook(in: folder) else { return }
        book.withLock { book in if new.version > book.version { book.adopt(new) } }
    }

    /// Takes note of how many changes the store knows of.
    func saw(count: Int64) throws {
        try change { $0.saw(count: count) }
    }

    /// Changes the book, and writes it down if `edit` says so; what the command line did meanwhile is not lost.
    private func change(_ edit: (inout SigningBook) throws -> Bool) throws {
        try book.withLock { book in
            guard let folder else {
                _ = try edit(&book)
                return
            }
            try folder.locked(folder.signingLock) {
                if let new = try SigningBook(in: folder), new.version > book.version { book.adopt(new) }
                if try edit(&book) { try book.keep(in: folder) }
            }
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
        var snapshot: SignedSnapshot?
        try change { book in
            snapshot = try book.sign(payload, environment: environment, sequence: sequence, issuedAt: issuedAt)
            return true
        }
        guard let snapshot else { throw SnapshotError(.signature, "Nothing was signed") }
        return snapshot
    }

    /// Signs a text.
    func sign(_ object: JSONObject, as kind: SignedText.Kind) throws(SnapshotError) -> SignedText {
        let time = now()
        return try book.withLock { book throws(SnapshotError) in try book.sign(object, as: kind, at: time) }
    }

    /// The set of keys and its signature.
    var keySet: SignedText { book.withLock { SignedText(bytes: $0.keySet, signature: $0.keySetSignature) } }
}
