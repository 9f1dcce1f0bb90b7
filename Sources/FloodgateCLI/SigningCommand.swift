// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateEvaluation
import FloodgateServer
import FloodgateSnapshots

/// `floodgate signing`: the keys that make a document one that can be trusted.
struct SigningCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signing",
        abstract: "Show, rotate and revoke the keys that sign snapshots.",
        discussion: """
            Whoever knows the root key (edges, SDKs that verify) trusts the keys that it signed, and these sign every document. \
            All are made when a server first starts. signing.json in the data folder holds them; the member root_seed can be \
            kept elsewhere and put back for a rotation. A running server takes a change up within a second.
            """,
        subcommands: [SigningShowCommand.self, SigningRotateCommand.self, SigningRevokeCommand.self]
    )
}

/// `floodgate signing show`.
struct SigningShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Print the root key and the keys.")

    @OptionGroup var data: DataOption

    func run() throws {
        let book = try SigningBook.existing(in: data)
        print("Project   \(book.project)")
        print("Epoch     \(book.epoch)")
        print("Root key  \(SnapshotBase64.encode(book.rootKey))\n")
        let rows = book.keys.map { key in
            [
                key.entry.id, key.entry.isRevoked ? "revoked" : key.entry.notAfter == nil ? "signs" : "retired",
                key.entry.notBefore == 0 ? "the beginning" : Timestamps.text(ofMilliseconds: key.entry.notBefore),
                key.entry.notAfter.map { Timestamps.text(ofMilliseconds: $0) } ?? "",
            ]
        }
        print(TextTable(["KEY", "STATE", "FROM", "UNTIL"], rows).text)
    }
}

/// `floodgate signing rotate`.
struct SigningRotateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Retire the key that signs, and take a new one.",
        discussion: "What the old key signed stays good. Prints the new key's id."
    )

    @OptionGroup var data: DataOption

    func run() throws {
        let folder = try data.folder()
        let book = try folder.locked(folder.signingLock) {
            var book = try SigningBook.existing(in: data)
            try book.rotate(at: SystemClock.now())
            try book.keep(in: folder)
            return book
        }
        print(book.keys.last?.entry.id ?? "")
    }
}

/// `floodgate signing revoke`.
struct SigningRevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Make everything worthless that a key ever signed.",
        discussion:
            "For a key that somebody else may have. The key that signs is replaced first; all documents are signed anew."
    )

    @Argument(help: "The key's id, as `signing show` prints it.") var id: String
    @OptionGroup var data: DataOption

    func run() throws {
        let folder = try data.folder()
        let book = try folder.locked(folder.signingLock) {
            var book = try SigningBook.existing(in: data)
            try book.revoke(id, at: SystemClock.now())
            try book.keep(in: folder)
            return book
        }
        print("\(id) is revoked; \(book.keys.last?.entry.id ?? "none") signs")
    }
}

extension SigningBook {
    /// The book of a data folder that a server has worked on.
    fileprivate static func existing(in data: DataOption) throws -> SigningBook {
        guard let book = try SigningBook(in: try data.folder()) else {
            throw CommandFailure(.noInput, "There is no signing.json in the data folder; start `floodgate serve` once")
        }
        return book
    }
}
