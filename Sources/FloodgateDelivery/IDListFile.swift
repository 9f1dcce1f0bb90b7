// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
package import FloodgateSnapshots
import Synchronization

/// One ID list as SDKs download it: a file of lines that only grows, until another file takes its place.
///
/// Copies share what they have in common, so that a file to which a line was appended costs next to nothing beside the one
/// before.
package struct IDListFile: Sendable {
    /// What conditions call the list.
    package let name: String
    /// Changes when the file is written anew instead of being appended to.
    package let fileID: String
    /// When this file was begun, in Unix milliseconds; never goes backwards.
    package let creationTime: Int64
    /// How many bytes there are.
    package private(set) var size = 0
    /// Who is in the list.
    package private(set) var members = IDList()
    /// Tells a file and what it was by appending from others that only bear the same name.
    package let lineage: Int

    private var reader = IDListReader()
    private var hasher = SnapshotHasher()
    /// All but the last have `chunkBytes`.
    private var chunks: [[UInt8]] = []

    private static let chunkBytes = 256 << 10
    private static let lineages = Atomic<Int>(0)

    /// An empty file.
    package init(name: String, fileID: String, creationTime: Int64) {
        self.name = name
        self.fileID = fileID
        self.creationTime = creationTime
        lineage = Self.lineages.add(1, ordering: .relaxed).newValue
    }

    /// A file that holds `content`.
    package init(name: String, fileID: String, creationTime: Int64, content: [UInt8]) {
        self.init(name: name, fileID: fileID, creationTime: creationTime)
        append(content)
        settle()
    }

    /// SHA-256 of all bytes.
    package var hash: SnapshotHash { hasher.hash }

    /// Whether both are the same file with the same content.
    package func isSame(as other: IDListFile) -> Bool {
        name == other.name && fileID == other.fileID && creationTime == other.creationTime && size == other.size
            && hash == other.hash
    }

    /// Appends `bytes`; who is in the list is known after `settle`.
    package mutating func append(_ bytes: [UInt8]) {
        size += bytes.count
        hasher.append(bytes)
        reader.read(bytes)
        var rest = bytes[...]
        if let last = chunks.indices.last, chunks[last].count < Self.chunkBytes {
            let room = Self.chunkBytes - chunks[last].count
            chunks[last].append(contentsOf: rest.prefix(room))
            rest = rest.dropFirst(room)
        }
        while !rest.isEmpty {
            chunks.append(Array(rest.prefix(Self.chunkBytes)))
            rest = rest.dropFirst(Self.chunkBytes)
        }
    }

    /// Takes what was appended into account for who is in the list.
    package mutating func settle() { members = reader.finish() }

    /// The bytes of `range`, from where they lie: pieces of 256 KiB or less.
    package func pieces(_ range: Range<Int>) -> some Sequence<ArraySlice<UInt8>> {
        let range = range.clamped(to: 0..<size)
        let numbers = range.lowerBound / Self.chunkBytes..<(range.upperBound + Self.chunkBytes - 1) / Self.chunkBytes
        return (range.isEmpty ? 0..<0 : numbers).lazy.map { number in
            let start = number * Self.chunkBytes
            let chunk = chunks[number]
            return chunk[max(0, range.lowerBound - start)..<min(chunk.count, range.upperBound - start)]
        }
    }
}
