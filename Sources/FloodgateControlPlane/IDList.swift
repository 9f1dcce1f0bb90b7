// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation

/// A list of units, too long for a condition, that SDKs download beside the document.
package struct IDList: Sendable, Hashable {
    /// The name that conditions look it up by.
    package var name: String
    /// Changes when the file is rewritten instead of being appended to.
    package var fileID: String
    /// When the file was begun, in Unix milliseconds; never goes back for a name.
    package var creationTime: Int64
    /// Lines of `+` or `-` and the first eight characters of the unit ID's SHA-256 in base64.
    package var content: [UInt8]

    package init(name: String, fileID: String, creationTime: Int64, content: [UInt8]) {
        self.name = name
        self.fileID = fileID
        self.creationTime = creationTime
        self.content = content
    }

    /// Bytes of the file.
    package var size: Int { content.count }

    /// A file's content that holds `ids`, each once, hashed as SDKs compare them.
    package static func content(ids: some Sequence<some StringProtocol>) -> [UInt8] {
        var seen: Set<String> = []
        var content: [UInt8] = []
        for id in ids {
            let hash = SHA256.base64(of: String(id), prefix: 8)
            guard seen.insert(hash).inserted else { continue }
            content.append(UInt8(ascii: "+"))
            content.append(contentsOf: hash.utf8)
            content.append(UInt8(ascii: "\n"))
        }
        return content
    }

    /// A file's content of a text with one unit ID a line; blank lines do not count.
    package static func content(text: String) -> [UInt8] {
        content(ids: text.split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) })
    }
}
