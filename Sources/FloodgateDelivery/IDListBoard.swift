// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
import FloodgateJSON
import Synchronization

/// The ID lists as they are now, for all requests to read.
package final class IDListBoard: Sendable {
    private struct State: Sendable {
        var files: [IDListFile] = []
        var byFileID: [String: IDListFile] = [:]
        var lists: [String: IDList] = [:]
    }

    private let state = Mutex(State())
    private let generation = Atomic<Int>(0)

    /// Makes a board without lists.
    package init() {}

    /// Changes with the files.
    package var version: Int { generation.load(ordering: .acquiring) }

    /// Puts `files` in the place of all that were there.
    /// - Returns: Whether they are others.
    @discardableResult
    package func post(_ files: [IDListFile]) -> Bool {
        let old = state.withLock { $0.files }
        let files = files.sorted { $0.name < $1.name }
        guard old.count != files.count || zip(old, files).contains(where: { !$0.isSame(as: $1) }) else { return false }
        let new = State(
            files: files,
            byFileID: Dictionary(files.map { ($0.fileID, $0) }) { first, _ in first },
            lists: Dictionary(files.map { ($0.name, $0.members) }) { first, _ in first }
        )
        state.withLock { $0 = new }
        generation.add(1, ordering: .releasing)
        return true
    }

    /// The file with `fileID`.
    package func file(_ fileID: String) -> IDListFile? { state.withLock { $0.byFileID[fileID] } }

    /// The files by their IDs.
    package var files: [String: IDListFile] { state.withLock { $0.byFileID } }

    /// Who is in each list, for evaluation on behalf of clients.
    package var lists: [String: IDList] { state.withLock { $0.lists } }

    /// What lists there are, as a JSON object by name.
    /// - Parameter base: Absolute URL that a file ID is appended to.
    /// - Returns: The object's bytes.
    package func manifest(base: String) -> [UInt8] {
        let files = state.withLock { $0.files }
        var object = JSONObject()
        for file in files {
            object[file.name] = [
                "name": .string(file.name), "fileID": .string(file.fileID), "size": .integer(file.size),
                "creationTime": .integer(file.creationTime), "url": .string(base + file.fileID),
            ]
        }
        return JSONValue.object(object).bytes
    }
}
