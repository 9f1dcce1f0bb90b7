// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// What makes one document of another, byte by byte: pieces of the old one, and text between them.
///
/// It says of which document it is a delta and what must come of it, so that it is never applied to another (SNAP-10).
public struct DocumentDelta: Sendable, Hashable {
    /// One piece of the new document.
    public enum Part: Sendable, Hashable {
        /// `count` bytes of the old document, from `offset` on.
        case copy(offset: Int, count: Int)
        /// Bytes that are not taken from it: whole characters of UTF-8.
        case text([UInt8])
    }

    /// SHA-256 of the old document.
    public let base: SnapshotHash
    /// SHA-256 of the new document.
    public let result: SnapshotHash
    /// Bytes of the new document.
    public let length: Int
    /// What the new document consists of, from its beginning to its end.
    public let parts: [Part]

    /// What makes `new` of `old`, in time that grows with their length.
    ///
    /// Compares pieces that end with a closing brace, which specs, rules and conditions do; both are UTF-8.
    public init(from old: [UInt8], _ base: SnapshotHash, to new: [UInt8], _ result: SnapshotHash) {
        self.base = base
        self.result = result
        length = new.count
        parts = old.withUnsafeBytes { old in
            new.withUnsafeBytes { new in
                var comparison = Comparison(old: old, new: new)
                return comparison.parts()
            }
        }
    }

    /// The document that comes of `old`.
    /// - Throws: `SnapshotError.hash` if `old` is another document than the base, or what comes of it is not the result;
    ///   `.length` if that would have more than `limit` bytes.
    public func applied(to old: [UInt8], _ hash: SnapshotHash, limit: Int) throws(SnapshotError) -> [UInt8] {
        guard hash == base else { throw SnapshotError(.hash, "The delta is of another document") }
        guard length <= limit else { throw SnapshotError(.length, "The delta makes \(length) bytes; \(limit) may be") }
        var new: [UInt8] = []
        new.reserveCapacity(length)
        for part in parts {
            let piece: ArraySlice<UInt8>
            switch part {
            case .text(let text): piece = text[...]
            case .copy(let offset, let count):
                guard offset >= 0, count >= 0, offset <= old.count, count <= old.count - offset else {
                    throw SnapshotError(.length, "The delta takes bytes that are not there")
                }
                piece = old[offset..<(offset + count)]
            }
            guard piece.count <= length - new.count else {
                throw SnapshotError(.length, "The delta makes more than the \(length) bytes that it says")
            }
            new += piece
        }
        guard new.count == length, SnapshotHash(of: new) == result else {
            throw SnapshotError(.hash, "What comes of the delta is not what was published")
        }
        return new
    }

    /// The delta as JSON: parts are texts, and pairs of offset and count.
    public var json: JSONObject {
        [
            "base": .string(base.text), "hash": .string(result.text), "length": .integer(Int64(length)),
            "parts": .array(
                parts.map { part in
                    switch part {
                    case .copy(let offset, let count): .array([.integer(Int64(offset)), .integer(Int64(count))])
                    case .text(let text): .string(String(decoding: text, as: UTF8.self))
                    }
                }
            ),
        ]
    }

    /// Reads `json`; nil if something is missing or is of another kind.
    public init?(json: JSONObject) {
        guard let base = json["base"]?.stringValue.flatMap(SnapshotHash.init),
            let result = json["hash"]?.stringValue.flatMap(SnapshotHash.init),
            let length = json["length"]?.integerValue.flatMap(Int.init(exactly:)), length >= 0,
            let values = json["parts"]?.arrayValue
        else { return nil }
        var parts: [Part] = []
        parts.reserveCapacity(values.count)
        for value in values {
            if let text = value.stringValue {
                parts.append(.text(Array(text.utf8)))
            } else if let pair = value.arrayValue, pair.count == 2,
                let offset = pair[0].integerValue.flatMap(Int.init(exactly:)),
                let count = pair[1].integerValue.flatMap(Int.init(exactly:))
            {
                parts.append(.copy(offset: offset, count: count))
            } else {
                return nil
            }
        }
        self.base = base
        self.result = result
        self.length = length
        self.parts = parts
    }
}

/// Finds pieces of one document in another.
private struct Comparison {
    let old: UnsafeRawBufferPointer
    let new: UnsafeRawBufferPointer
    /// Pieces of the new document that are in the old one: `count` bytes from `start` are those from `offset` there.
    private var matches: [(start: Int, offset: Int, count: Int)] = []

    init(old: UnsafeRawBufferPointer, new: UnsafeRawBufferPointer) {
        self.old = old
        self.new = new
    }

    mutating func parts() -> [DocumentDelta.Part] {
        match()
        stretch()
        var parts: [DocumentDelta.Part] = []
        var end = 0
        for match in matches {
            if match.start > end { parts.append(.text(Array(new[end..<match.start]))) }
            parts.append(.copy(offset: match.offset, count: match.count))
            end = match.start + match.count
        }
        if end < new.count { parts.append(.text(Array(new[end...]))) }
        return parts
    }

    /// Finds pieces that end with a closing brace.
    private mutating func match() {
        var places: [Int: Int] = [:]
        var ends: [Int: Int] = [:]
        Self.forEachPiece(of: old) { piece in
            let hash = Self.hash(old, piece)
            if places[hash] == nil {
                places[hash] = piece.lowerBound
                ends[piece.lowerBound] = piece.upperBound
            }
        }
        // Where the last piece that was found goes on in the old document.
        var next = 0
        var found: [(start: Int, offset: Int, count: Int)] = []
        Self.forEachPiece(of: new) { piece in
            let count = piece.count
            if isSame(piece, at: next) {
                if let last = found.last, last.start + last.count == piece.lowerBound, last.offset + last.count == next
                {
                    found[found.count - 1].count += count
                } else {
                    found.append((piece.lowerBound, next, count))
                }
                next += count
            } else if let offset = places[Self.hash(new, piece)], let end = ends[offset], end - offset == count,
                isSame(piece, at: offset)
            {
                found.append((piece.lowerBound, offset, count))
                next = offset + count
            }
        }
        matches = found
    }

    /// Lets matches grow into what is between them, and shrink to where characters begin.
    private mutating func stretch() {
        var end = 0
        var kept: [(start: Int, offset: Int, count: Int)] = []
        for index in matches.indices {
            var match = matches[index]
            // Backwards, into what is left of the gap before it.
            while match.start > end, match.offset > 0, new[match.start - 1] == old[match.offset - 1] {
                match.start -= 1
                match.offset -= 1
                match.count += 1
            }
            // Forwards, up to the next one.
            let limit = index + 1 < matches.count ? matches[index + 1].start : new.count
            while match.start + match.count < limit, match.offset + match.count < old.count,
                new[match.start + match.count] == old[match.offset + match.count]
            {
                match.count += 1
            }
            while match.count > 0, match.start > end, Self.isInside(new, match.start) {
                match.start += 1
                match.offset += 1
                match.count -= 1
            }
            while match.count > 0, match.start + match.count < limit, Self.isInside(new, match.start + match.count) {
                match.count -= 1
            }
            guard match.count > 0 else { continue }
            kept.append(match)
            end = match.start + match.count
        }
        matches = kept
    }

    private func isSame(_ piece: Range<Int>, at offset: Int) -> Bool {
        offset <= old.count - piece.count
            && UnsafeRawBufferPointer(rebasing: new[piece])
                .elementsEqual(UnsafeRawBufferPointer(rebasing: old[offset..<(offset + piece.count)]))
    }

    /// Whether the byte at `index` goes on with a character that began before it.
    private static func isInside(_ text: UnsafeRawBufferPointer, _ index: Int) -> Bool { text[index] & 0xC0 == 0x80 }

    private static func forEachPiece(of text: UnsafeRawBufferPointer, _ body: (Range<Int>) -> Void) {
        var start = 0
        for index in text.indices where text[index] == UInt8(ascii: "}") {
            body(start..<(index + 1))
            start = index + 1
        }
        if start < text.count { body(start..<text.count) }
    }

    private static func hash(_ text: UnsafeRawBufferPointer, _ piece: Range<Int>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: text[piece]))
        return hasher.finalize()
    }
}
