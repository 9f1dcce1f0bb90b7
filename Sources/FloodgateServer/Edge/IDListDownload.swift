// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateDelivery
import FloodgateSnapshots
import Synchronization

/// Fetches what an edge lacks of ID lists: only what was appended, in parts, each from where the one before ended.
package final class IDListDownload: Sendable {
    /// The longest file that is fetched: ten million members, as many lines that say nothing any more, and some more.
    package static let longestList = 256 << 20
    /// How much is asked for at once.
    package static let partBytes = 4 << 20

    private let ask: @Sendable (_ fileID: String, _ range: Range<Int>) async throws -> [UInt8]
    /// Files of which not all has come yet, for the next attempt.
    private let begun = Mutex<[String: IDListFile]>([:])

    /// Makes a download of what `ask` gets of a file.
    package init(ask: @escaping @Sendable (_ fileID: String, _ range: Range<Int>) async throws -> [UInt8]) {
        self.ask = ask
    }

    /// The files that `lists` name, checked against their hashes.
    /// - Parameters:
    ///   - lists: What a state says of the lists.
    ///   - known: The files as they are held, by their IDs.
    /// - Returns: The files.
    /// - Throws: If one cannot be had; what has come of it is used the next time.
    package func files(of lists: [CellState.List], known: [String: IDListFile]) async throws -> [IDListFile] {
        let ids = Set(lists.map(\.fileID))
        begun.withLock { begun in begun = begun.filter { ids.contains($0.key) } }
        var files: [IDListFile] = []
        for list in lists { files.append(try await file(list, known[list.fileID])) }
        return files
    }

    private func file(_ list: CellState.List, _ known: IDListFile?) async throws -> IDListFile {
        guard list.size <= Self.longestList else {
            throw SnapshotError(.length, "The ID list \(list.name) is too long")
        }
        let begun = begun.withLock { $0[list.fileID] }
        for start in [begun, known] {
            guard let start, start.size <= list.size, start.name == list.name, start.creationTime == list.creationTime
            else { continue }
            if let file = try await complete(start, list) { return file }
        }
        // What is held is not what the list begins with, as after a backup was restored.
        guard let file = try await complete(IDListFile(list), list) else {
            throw SnapshotError(.hash, "The ID list \(list.name) is not what was signed")
        }
        return file
    }

    /// The file with all that it lacks; nil if that is not what was signed.
    private func complete(_ start: IDListFile, _ list: CellState.List) async throws -> IDListFile? {
        var file = start
        while file.size < list.size {
            let end = min(file.size + Self.partBytes, list.size)
            let part = try await ask(list.fileID, file.size..<end)
            guard !part.isEmpty else {
                throw SnapshotError(.length, "A part of the ID list \(list.name) is empty")
            }
            file.append(part)
            if file.size < list.size { begun.withLock { [file] in $0[list.fileID] = file } }
        }
        file.settle()
        begun.withLock { _ = $0.removeValue(forKey: list.fileID) }
        return file.hash == list.hash ? file : nil
    }
}
