// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What single bytes and short runs of them mean in RFC 9110 and RFC 9112.
enum Bytes {
    /// `tchar` of RFC 9110: letters, digits and fifteen signs.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        // A bit for each: ! # $ % & ' * + - . 0…9, and A…Z ^ _ ` a…z | ~.
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        return byte < 64 ? low >> byte & 1 == 1 : byte < 128 && high >> (byte & 63) & 1 == 1
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Whether `bytes` has no control character but tabs.
    @inline(__always)
    static func isFieldValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while position &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let ones: UInt64 = 0x0101_0101_0101_0101
            let tops: UInt64 = 0x8080_8080_8080_8080
            let below = (word &- ones &* 0x20) & ~word & tops
            let deleted = word ^ (ones &* 0x7F)
            if below | ((deleted &- ones) & ~deleted & tops) != 0 {
                for index in position..<(position &+ 8) where !isFieldValue(bytes[index]) { return false }
            }
            position &+= 8
        }
        while position < bytes.count {
            guard isFieldValue(bytes[position]) else { return false }
            position &+= 1
        }
        return true
    }

    @inline(__always)
    private static func isFieldValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

    /// Whether `bytes` can be a host with or without a port.
    static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first, bytes.count <= 255 + 6 else { return false }
        var end = 0
        if first == 0x5B {
            guard let closing = bytes.firstIndex(of: 0x5D), closing > 1 else { return false }
            // Of IPv6 addresses and their zones: hexadecimal digits, colons, dots, and %25 with a name.
            let isAddress = bytes[1..<closing].allSatisfy { isHostByte($0) || $0 == 0x3A || $0 == 0x25 }
            guard isAddress else { return false }
            end = closing + 1
        } else {
            while end < bytes.count, isHostByte(bytes[end]) { end += 1 }
            guard end > 0 else { return false }
        }
        if end == bytes.count { return true }
        let port = bytes[end...].dropFirst()
        guard bytes[end] == 0x3A, 1...5 ~= port.count, port.allSatisfy({ $0 &- 0x30 < 10 }) else { return false }
        return port.reduce(0) { $0 * 10 + Int($1 & 15) } <= 65_535
    }

    /// Letters, digits and `-._~`.
    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    @inline(__always)
    static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte & 15
        case 0x41...0x46, 0x61...0x66: (byte & 15) + 9
        default: nil
        }
    }

    /// Whether the comma-separated `list` has `member`, which is given in lower case.
    static func list(_ list: UnsafeRawBufferPointer, contains member: StaticString) -> Bool {
        if ASCII.equalsIgnoringCase(list, member) { return true }
        var start = 0
        while start < list.count {
            var end = start
            while end < list.count, list[end] != 0x2C { end += 1 }
            var (first, last) = (start, end)
            while first < last, isBlank(list[first]) { first += 1 }
            while last > first, isBlank(list[last - 1]) { last -= 1 }
            if ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: list[first..<last]), member) { return true }
            start = end + 1
        }
        return false
    }

    static func method(_ bytes: UnsafeRawBufferPointer) -> RequestHead.Method {
        switch bytes.count {
        case 3: ASCII.equals(bytes, "GET") ? .get : ASCII.equals(bytes, "PUT") ? .put : .other
        case 4: ASCII.equals(bytes, "POST") ? .post : ASCII.equals(bytes, "HEAD") ? .head : .other
        case 5: ASCII.equals(bytes, "PATCH") ? .patch : .other
        case 6: ASCII.equals(bytes, "DELETE") ? .delete : .other
        case 7: ASCII.equals(bytes, "OPTIONS") ? .options : .other
        default: .other
        }
    }
}
