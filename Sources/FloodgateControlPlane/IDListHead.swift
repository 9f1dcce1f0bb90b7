// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation

/// What is known of an ID list without its contents: a file of lines that SDKs download beside the document.
///
/// A line is `+` or `-` and the first eight characters of the unit ID's SHA-256 in base64. The file is only ever appended
/// to; when too many of its lines say nothing any more, another file takes its place.
package struct IDListHead: Sendable, Hashable {
    /// The most members that a list may have.
    package static let mostMembers = 10_000_000
    /// A file is not written anew for fewer bytes than these.
    package static let toleratedWaste = 64 << 10

    /// The name that conditions look it up by.
    package var name: String
    /// Changes when the file is written anew instead of being appended to.
    package var fileID: String
    /// When the file was begun, in Unix milliseconds; never goes back for a name.
    package var creationTime: Int64
    /// Bytes of the file.
    package var size: Int
    /// Lines of the file.
    package var lines: Int
    /// Units that are in the list.
    package var members: Int

    package init(
        name: String,
        fileID: String,
        creationTime: Int64,
        size: Int = 0,
        lines: Int = 0,
        members: Int = 0
    ) {
        self.name = name
        self.fileID = fileID
        self.creationTime = creationTime
        self.size = size
        self.lines = lines
        self.members = members
    }

    /// Whether more than half of the lines say nothing any more, and these are enough to write the file anew.
    package var isWasteful: Bool {
        let waste = lines - members
        return waste * 2 > lines && size / max(1, lines) * waste > Self.toleratedWaste
    }

    /// The head after `piece` was appended.
    package func appending(_ piece: [UInt8], members: Int) -> IDListHead {
        var head = self
        head.size += piece.count
        head.lines += piece.count { $0 == UInt8(ascii: "\n") }
        head.members = members
        return head
    }
}

/// What becomes of one ID list: a file that is begun or appended to.
package struct IDListUpdate: Sendable, Hashable {
    /// The list afterwards; one with this name that has another file loses that.
    package var head: IDListHead
    /// What is appended, in pieces of a megabyte or less; a file that is begun consists of it.
    package var pieces: [[UInt8]]

    package init(head: IDListHead, pieces: [[UInt8]]) {
        self.head = head
        self.pieces = pieces
    }

    /// Where in the file the first piece goes.
    package var offset: Int { head.size - pieces.reduce(0) { $0 + $1.count } }

    /// A file that holds `content`, whatever lines that has, cut into pieces.
    package init(name: String, fileID: String, creationTime: Int64, content: [UInt8]) {
        var members = FloodgateEvaluation.IDList()
        members.apply(lines: content)
        head = IDListHead(name: name, fileID: fileID, creationTime: creationTime)
            .appending(content, members: members.count)
        pieces = stride(from: 0, to: content.count, by: 1 << 20).map { start in
            Array(content[start..<min(start + 1 << 20, content.count)])
        }
    }
}
