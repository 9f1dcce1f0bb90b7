// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A piece of a user agent, or a literal, compared byte by byte; valid only while the user agent is read.
struct UserAgentText: Equatable, ExpressibleByStringLiteral {
    let bytes: UnsafeBufferPointer<UInt8>

    init(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) { self.bytes = UnsafeBufferPointer(rebasing: bytes) }

    init(stringLiteral literal: StaticString) {
        // A literal of more than one scalar always has a pointer, and lives as long as the program.
        bytes =
            literal.hasPointerRepresentation
            ? UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
            : UnsafeBufferPointer(start: nil, count: 0)
    }

    static func == (left: UserAgentText, right: UserAgentText) -> Bool {
        left.bytes.count == right.bytes.count && left.bytes.elementsEqual(right.bytes)
    }

    var isEmpty: Bool { bytes.isEmpty }

    var startsWithDigit: Bool { bytes.first.map { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ?? false }

    var string: String { String(decoding: bytes, as: UTF8.self) }

    func hasPrefix(_ prefix: UserAgentText) -> Bool { bytes.starts(with: prefix.bytes) }

    func contains(_ other: UserAgentText) -> Bool {
        guard bytes.count >= other.bytes.count else { return false }
        return (0...(bytes.count - other.bytes.count)).contains { bytes[$0...].starts(with: other.bytes) }
    }

    /// What stands behind the first `count` bytes.
    func dropFirst(_ count: Int) -> UserAgentText { UserAgentText(bytes.dropFirst(count)) }

    /// The text without brackets and other ornament at both ends.
    var trimmed: UserAgentText {
        var (start, end) = (0, bytes.count)
        while start < end, Self.isOrnament(bytes[start]) { start += 1 }
        while start < end, Self.isOrnament(bytes[end - 1]) { end -= 1 }
        return UserAgentText(bytes[start..<end])
    }

    /// The trimmed text before and behind the first `/`, `;` or `:`.
    var cut: (tag: UserAgentText, version: UserAgentText?) {
        let mark = bytes.firstIndex {
            $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: ":")
        }
        guard let mark else { return (self, nil) }
        let tag = UserAgentText(bytes[..<mark]).trimmed
        let version = UserAgentText(bytes[(mark + 1)...]).trimmed
        return (tag.isEmpty ? self : tag, version.isEmpty ? nil : version)
    }

    private static func isOrnament(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: "+"),
            UInt8(ascii: "_"), UInt8(ascii: "\""):
            true
        default: false
        }
    }
}
