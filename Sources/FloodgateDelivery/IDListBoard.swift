// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
import FloodgateJSON
import Synchronization

/// One ID list as SDKs download it: a file of lines that only grows, until another file takes its place.
package struct IDListFile: Sendable, Hashable {
    /// What conditions call the list.
    package let name: String
    /// Changes when the file is written anew instead of being appended to.
    package let fileID: String
    /// When this file was begun, in Unix milliseconds; never goes backwards.
    package let creationTime: Int64
    /// The lines, `+` or `-` and eight characters each.
    package let content: [UInt8]

    /// Makes a file of its lines.
    package init(name: String, fileID: String, creationTime: Int64, content: [UInt8]) {
        self.name = name
        self.fileID = fileID
        self.creationTime = creationTime
        self.content = content
    }
}

/// The ID lists as they are now, for all requests to read.
package final class IDListBoard: Sendable {
    private struct State: Sendable {
        var files: [IDListFile] = []
        var byFileID: [String: IDListFile] = [:]
        var lists: [String: IDList] = [:]
    }

    private let state = Mutex(State())

    /// Makes a board without lists.
    package init() {}

    /// Puts `files` in the place of all that were there.
    package func post(_ files: [IDListFile]) {
        let (old, known) = state.withLock { ($0.byFileID, $0.lists) }
        var new = State()
        new.files = files.sorted { $0.name < $1.name }
        for file in new.files {
            new.byFileID[file.fileID] = file
            if let list = known[file.name], old[file.fileID] == file {
                new.lists[file.name] = list
            } else {
                var list = IDList()
                list.apply(lines: file.content)
                new.lists[file.name] = list
            }
        }
        let state = new
        self.state.withLock { $0 = state }
    }

    /// The file with `fileID`.
    package func file(_ fileID: String) -> IDListFile? { state.withLock { $0.byFileID[fileID] } }

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
                "name": .string(file.name), "fileID": .string(file.fileID), "size": .integer(file.content.count),
                "creationTime": .integer(file.creationTime), "url": .string(base + file.fileID),
            ]
        }
        return JSONValue.object(object).bytes
    }
}
