// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// The members of one ID list: the first eight characters of base64(SHA-256(unit ID)) of each.
///
/// Eight such characters are 48 bits, and these are what is kept: ten million members take 41 MB. Copies share nearly all
/// of it, also after one of them has changed. A look-up makes no allocation.
public struct IDList: Sendable {
    /// Sorted members by the first 8 of their 48 bits: none, or 256; replaced and never changed, so that copies share them.
    var segments: [IDListSegment] = []
    /// What has become of members since the segments were made: true for one that they lack, false for one that is gone.
    var changes: [UInt64: Bool] = [:]
    /// Members that are not eight characters of base64; no unit ID has such a hash.
    var others: Set<ExactText> = []
    /// How many members the segments hold.
    var settledCount = 0
    /// How many members of 48 bits there are.
    var keyCount = 0

    /// Makes a list without members.
    public init() {}

    /// Makes a list of eight-character ids.
    public init(ids: some Sequence<String>) {
        var reader = IDListReader()
        for id in ids {
            if let key = Self.key(id) { reader.change(key, isMember: true) } else { others.insert(ExactText(id)) }
        }
        let others = others
        self = reader.finish()
        self.others = others
    }

    /// How many members there are.
    public var count: Int { keyCount + others.count }

    /// Whether there is no member.
    public var isEmpty: Bool { count == 0 }

    /// Whether the unit is a member.
    public func contains(unitID: String) -> Bool { contains(key: Self.key(ofUnit: unitID)) }

    /// Whether the eight characters are those of a member.
    public func contains(_ id: String) -> Bool {
        guard let key = Self.key(id) else { return others.contains(ExactText(id)) }
        return contains(key: key)
    }

    /// Applies the lines of an ID-list file: `+` adds the rest of the line, `-` removes it, anything else is skipped.
    public mutating func apply(lines: some Sequence<UInt8>) {
        var reader = IDListReader(self)
        // The reader is the only one that holds the members now, so that it need not keep them as they were.
        self = IDList()
        if lines.withContiguousStorageIfAvailable({ reader.read($0) }) == nil {
            Array(lines).withUnsafeBufferPointer { reader.read($0) }
        }
        self = reader.finish()
    }

    /// The eight characters that stand for `unitID` in ID lists.
    public static func hash(of unitID: String) -> String { SHA256.base64(of: unitID, prefix: 8) }

    // MARK: Keys

    /// The 48 bits of eight characters of base64; nil for any other text.
    static func key(_ id: String) -> UInt64? {
        var id = id
        return id.withUTF8 { $0.count == 8 ? IDListReader.key($0[...]) : nil }
    }

    /// The 48 bits of the hash of `unitID`.
    package static func key(ofUnit unitID: String) -> UInt64 {
        var unitID = unitID
        return unitID.withUTF8 { SHA256.prefix($0, UnsafeBufferPointer(start: nil, count: 0)) >> 16 }
    }

    func contains(key: UInt64) -> Bool {
        if !changes.isEmpty, let isMember = changes[key] { return isMember }
        return segments.isEmpty ? false : segments[Int(key >> 40)].contains(key)
    }

    // MARK: Contents

    /// The members as lines of a file.
    /// - Parameters:
    ///   - sign: `+` or `-`.
    ///   - except: Members that are left out.
    ///   - bytes: How long a piece of the result may be; pieces end at ends of lines.
    /// - Returns: The lines in pieces.
    package func lines(_ sign: Character, except: IDList = IDList(), inPiecesOf bytes: Int = 1 << 20) -> [[UInt8]] {
        var lines = IDListLines(sign: sign.asciiValue ?? 0, pieceBytes: bytes)
        for (number, segment) in segments.enumerated() {
            segment.forEach(of: number) { key in
                if changes[key] != false, !except.contains(key: key) { lines.append(key) }
            }
        }
        for key in changes.filter(\.value).keys.sorted() where !except.contains(key: key) { lines.append(key) }
        for other in others.subtracting(except.others).map(\.text).sorted() { lines.append(other) }
        return lines.finish()
    }
}

/// Members whose 48 bits begin with the same 8: where those with each next 8 begin, and of each the last 32, sorted.
struct IDListSegment: Sendable {
    static let heads = 257

    /// Empty, or 257 places and what they lead to.
    let words: [UInt32]

    static let empty = IDListSegment(words: [])

    var count: Int { max(0, words.count - Self.heads) }

    func contains(_ key: UInt64) -> Bool {
        guard !words.isEmpty else { return false }
        let (head, low) = (Int(key >> 32 & 0xFF), UInt32(truncatingIfNeeded: key))
        return words.withUnsafeBufferPointer { words in
            var first = Self.heads + Int(words[head])
            var end = Self.heads + Int(words[head + 1])
            while first < end {
                let middle = (first + end) / 2
                let word = words[middle]
                if word == low { return true }
                if word < low { first = middle + 1 } else { end = middle }
            }
            return false
        }
    }

    func forEach(of number: Int, _ body: (UInt64) -> Void) {
        guard !words.isEmpty else { return }
        for head in 0..<256 {
            let high = UInt64(number) << 40 | UInt64(head) << 32
            for place in Int(words[head])..<Int(words[head + 1]) { body(high | UInt64(words[Self.heads + place])) }
        }
    }
}

/// Lines in the making.
private struct IDListLines {
    let sign: UInt8
    let pieceBytes: Int
    private var pieces: [[UInt8]] = []
    private var piece: [UInt8] = []

    init(sign: UInt8, pieceBytes: Int) {
        self.sign = sign
        self.pieceBytes = pieceBytes
    }

    mutating func append(_ key: UInt64) {
        makeRoom(10)
        piece.append(sign)
        for step in 1...8 { piece.append(Base64.alphabet.utf8Start[Int(key >> UInt64(48 - 6 * step)) & 63]) }
        piece.append(UInt8(ascii: "\n"))
    }

    mutating func append(_ text: String) {
        makeRoom(text.utf8.count + 2)
        piece.append(sign)
        piece.append(contentsOf: text.utf8)
        piece.append(UInt8(ascii: "\n"))
    }

    private mutating func makeRoom(_ bytes: Int) {
        guard piece.count + bytes > pieceBytes, !piece.isEmpty else { return }
        pieces.append(piece)
        piece.removeAll(keepingCapacity: true)
    }

    mutating func finish() -> [[UInt8]] { piece.isEmpty ? pieces : pieces + [piece] }
}
