// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which part of a file a client asks for (RFC 9110, 14).
package enum ByteRange: Sendable, Hashable {
    /// All of it, for want of a range that can be understood.
    case whole
    /// The bytes from the first through the one before the last bound; never empty.
    case part(Range<Int>)
    /// A range that the file does not reach.
    case unsatisfiable

    /// Reads a `Range` header for a file of `size` bytes.
    ///
    /// One range is served; several, another unit than bytes, and nonsense mean the whole file. So does any range of an
    /// empty file, since SDKs ask for `bytes=0-` of a list that has no members yet.
    package init(_ header: String?, size: Int) {
        guard let header, size > 0, let bounds = Self.bounds(header) else {
            self = .whole
            return
        }
        switch bounds {
        case (nil, let length?):
            self = length > 0 ? .part(max(0, size - length)..<size) : .unsatisfiable
        case (let first?, let last):
            guard first < size else {
                self = .unsatisfiable
                return
            }
            self = .part(first..<min(last ?? size - 1, size - 1) + 1)
        case (nil, nil): self = .whole
        }
    }

    private static func bounds(_ header: String) -> (first: Int?, last: Int?)? {
        let sides = header.split(separator: "=", maxSplits: 1)
        guard sides.count == 2, sides[0].trimmingBlanks().lowercased() == "bytes" else { return nil }
        let ends = sides[1].trimmingBlanks().split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        let first = number(ends[0])
        let last = number(ends[1])
        guard first != nil || ends[0].isEmpty, last != nil || ends[1].isEmpty else { return nil }
        if let first, let last, last < first { return nil }
        if first == nil, last == nil { return nil }
        return (first, last)
    }

    /// The value of decimal digits; one beyond 64 bits is beyond every file too.
    private static func number(_ digits: Substring) -> Int? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        return Int(digits) ?? .max
    }
}

/// Which bytes of a file that only grows a request gets.
package struct GrowingFilePart: Sendable, Hashable {
    /// How much of the file is there for the request.
    package let size: Int
    /// What it gets of that.
    package let range: ByteRange

    /// Decides on a request for a file of `fileSize` bytes.
    /// - Parameters:
    ///   - fileSize: How much there is.
    ///   - range: The value of `Range`.
    ///   - announced: The size that the client was told, as `statsig-id-list-file-size` repeats it: what was appended since
    ///     is left for its next round.
    ///   - isConditional: Whether there is an `If-Range`. Files have no validator, so none that it names can match, and the
    ///     client gets all.
    ///   - isGet: Whether the method is `GET`, the only one that has ranges (RFC 9110 §14.2).
    package init(fileSize: Int, range: String?, announced: String?, isConditional: Bool, isGet: Bool) {
        let told = announced.flatMap { Int($0) } ?? 0
        size = told > 0 ? min(told, fileSize) : fileSize
        self.range = ByteRange(isGet && !isConditional ? range : nil, size: size)
    }
}
