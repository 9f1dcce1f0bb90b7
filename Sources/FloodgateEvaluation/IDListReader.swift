// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// Reads the lines of an ID-list file piece by piece, wherever the pieces are cut.
package struct IDListReader: Sendable {
    private var list: IDList
    /// The beginning of a line whose end has not come yet.
    private var rest: [UInt8] = []
    /// Changes that were read and not yet made, in order: the member's 48 bits, and whether it is one.
    private var changes: [UInt64] = []

    /// Of whom there is to be word; nil for all.
    private let among: IDList?

    /// A reader that goes on from `list`.
    /// - Parameters:
    ///   - list: What was read before.
    ///   - among: The only ones whose lines are heeded; nil for all.
    package init(_ list: IDList = IDList(), among: IDList? = nil) {
        self.list = list
        self.among = among
    }

    /// Reads a piece.
    package mutating func read(_ piece: [UInt8]) { piece.withUnsafeBufferPointer { read($0) } }

    /// Reads a piece.
    package mutating func read(_ piece: UnsafeBufferPointer<UInt8>) {
        var piece = piece[...]
        if !rest.isEmpty {
            guard let end = piece.firstIndex(of: UInt8(ascii: "\n")) else { return rest.append(contentsOf: piece) }
            rest.append(contentsOf: piece[..<end])
            rest.withUnsafeBufferPointer { read(line: $0[...]) }
            rest.removeAll(keepingCapacity: true)
            piece = piece[(end + 1)...]
        }
        var start = piece.startIndex
        while start < piece.endIndex {
            // Nearly all lines are a sign, eight characters and the end.
            var end = start + 9
            if end >= piece.endIndex || piece[end] != UInt8(ascii: "\n") || !readUsual(piece[start..<end]) {
                guard let found = piece[start...].firstIndex(of: UInt8(ascii: "\n")) else { break }
                end = found
                read(line: piece[start..<end])
            }
            start = end + 1
        }
        rest.append(contentsOf: piece[start...])
    }

    /// The list after all that was read; a last line counts also without its end.
    package mutating func finish() -> IDList {
        if !rest.isEmpty {
            rest.withUnsafeBufferPointer { read(line: $0[...]) }
            rest.removeAll(keepingCapacity: true)
        }
        list.make(changes)
        changes.removeAll(keepingCapacity: false)
        return list
    }

    /// Makes the unit a member.
    package mutating func add(unitID: String) { change(IDList.key(ofUnit: unitID), isMember: true) }

    mutating func change(_ key: UInt64, isMember: Bool) {
        if let among, !among.contains(key: key) { return }
        changes.append(key << 1 | (isMember ? 1 : 0))
        // So many that the room for them stays small beside the list's own, and that few merges make a long list.
        guard changes.count >= max(1 << 16, list.keyCount / 8), changes.count >= 1 << 16 else { return }
        list.make(changes)
        changes.removeAll(keepingCapacity: true)
    }

    // MARK: Lines

    private mutating func readUsual(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        let sign = line[line.startIndex]
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), let key = Self.key(line.dropFirst()) else {
            return false
        }
        change(key, isMember: sign == UInt8(ascii: "+"))
        return true
    }

    private mutating func read(line: Slice<UnsafeBufferPointer<UInt8>>) {
        var line = line
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        if line.count == 9, readUsual(line) { return }
        guard let sign = line.first, String(decoding: line, as: UTF8.self).trimmedScalarCount > 1 else { return }
        let id = ExactText(String(decoding: line.dropFirst(), as: UTF8.self))
        if let among, !among.others.contains(id) { return }
        if sign == UInt8(ascii: "+") { list.others.insert(id) }
        if sign == UInt8(ascii: "-") { list.others.remove(id) }
    }

    /// The value of each byte as a digit of base64, 255 for all others.
    private static let digits: [UInt8] = {
        var digits = [UInt8](repeating: 255, count: 256)
        for value in 0..<64 { digits[Int(Base64.alphabet.utf8Start[value])] = UInt8(value) }
        return digits
    }()

    /// The 48 bits of eight digits of base64; nil for anything else.
    static func key(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        digits.withUnsafeBufferPointer { digits in
            var key: UInt64 = 0
            var all: UInt8 = 0
            for byte in text {
                let digit = digits[Int(byte)]
                all |= digit
                key = key << 6 | UInt64(digit)
            }
            return all < 64 ? key : nil
        }
    }
}

extension String {
    /// How many scalars are left without Unicode blanks at both ends.
    fileprivate var trimmedScalarCount: Int {
        var scalars = unicodeScalars[...]
        while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return scalars.count
    }
}
