// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    private import Glibc
#elseif canImport(Musl)
    private import Musl
#else
    private import Darwin
#endif

/// Finds and checks the heads of HTTP/1 requests, strictly by RFC 9112: whatever two readers could understand in two
/// ways is refused.
///
/// One for each event loop: what it found lies in its memory until the next head is read.
struct HeadScanner: ~Copyable {
    private let limits: HTTPLimits
    private let fields: UnsafeMutableBufferPointer<RequestHead.Field>

    init(limits: HTTPLimits) {
        self.limits = limits
        fields = .allocate(capacity: max(1, limits.headerFields))
    }

    deinit { fields.deallocate() }

    /// Where the head at the beginning of `bytes` ends, its empty line included; nil while it is not complete.
    ///
    /// `searched` says how much of it an earlier call has seen.
    func end(of bytes: UnsafeRawBufferPointer, searched: inout Int) throws(Refusal) -> Int? {
        // Another protocol, such as TLS where none is spoken, need not wait for a line to end.
        if let first = bytes.first, !Bytes.isToken(first) {
            throw .malformed("The request line does not begin with a method")
        }
        var position = searched
        let limit = min(bytes.count, limits.headerSection)
        while position < limit {
            guard let lineFeed = Self.lineFeed(in: bytes, from: position, to: limit) else { break }
            guard lineFeed > 0, bytes[lineFeed - 1] == 0x0D else {
                throw .malformed("A line ends without a carriage return")
            }
            position = lineFeed + 1
            if lineFeed >= 3, bytes[lineFeed - 2] == 0x0A { return lineFeed + 1 }
        }
        // The byte before the end is looked at again, never what lies before it.
        searched = max(searched, position, limit)
        if bytes.count > limits.requestLine, !Self.hasLineFeed(bytes, within: limits.requestLine + 2) {
            throw .requestLineTooLong
        }
        if bytes.count >= limits.headerSection { throw .headerTooLarge }
        return nil
    }

    /// Reads the head that fills `bytes`.
    func read(_ bytes: UnsafeRawBufferPointer) throws(Refusal) -> RequestHead {
        guard let firstEnd = Self.lineFeed(in: bytes, from: 0, to: bytes.count) else {
            throw .malformed("The request line has no end")
        }
        guard firstEnd - 1 <= limits.requestLine else { throw .requestLineTooLong }
        let line = try requestLine(bytes, end: firstEnd - 1)
        var known = RequestHead.KnownFields()
        let count = try readFields(bytes, from: firstEnd + 1, &known)
        return try head(bytes, line, fieldCount: count, known)
    }

    // MARK: The request line

    private struct Line {
        var method: Range<Int>
        var target: Range<Int>
        var pathEnd: Int
        var minorVersion: UInt8
    }

    private func requestLine(_ bytes: UnsafeRawBufferPointer, end: Int) throws(Refusal) -> Line {
        var position = 0
        while position < end, Bytes.isToken(bytes[position]) { position += 1 }
        guard position > 0, position < end, bytes[position] == 0x20 else {
            throw .malformed("The request line does not begin with a method")
        }
        let method = 0..<position
        position += 1
        let targetStart = position
        while position < end, bytes[position] > 0x20, bytes[position] < 0x7F { position += 1 }
        guard position > targetStart, position < end, bytes[position] == 0x20 else {
            throw .malformed("The request target is not one")
        }
        let version = UnsafeRawBufferPointer(rebasing: bytes[(position + 1)..<end])
        let minorVersion: UInt8
        if ASCII.equals(version, "HTTP/1.1") {
            minorVersion = 1
        } else if ASCII.equals(version, "HTTP/1.0") {
            minorVersion = 0
        } else {
            throw .malformed("The version of the protocol is not HTTP/1.1")
        }
        let (path, pathEnd) = try target(
            bytes,
            targetStart..<position,
            isOptions: ASCII.equals(slice(bytes, method), "OPTIONS")
        )
        return Line(method: method, target: path, pathEnd: pathEnd, minorVersion: minorVersion)
    }

    /// Where path and query lie; of an absolute form the authority is passed over, since nothing is proxied.
    private func target(
        _ bytes: UnsafeRawBufferPointer,
        _ whole: Range<Int>,
        isOptions: Bool
    ) throws(Refusal) -> (Range<Int>, pathEnd: Int) {
        var start = whole.lowerBound
        if bytes[start] != 0x2F {
            if isOptions, whole.count == 1, bytes[start] == 0x2A { return (whole, whole.upperBound) }
            guard let authority = Self.authorityStart(slice(bytes, whole)) else {
                throw .malformed("The request target does not begin with a slash")
            }
            start += authority
            while start < whole.upperBound, bytes[start] != 0x2F {
                guard bytes[start] != 0x40, bytes[start] != 0x3F else {
                    throw .malformed("The request target does not begin with a slash")
                }
                start += 1
            }
            guard start < whole.upperBound else { throw .malformed("The request target has no path") }
            guard Bytes.isAuthority(slice(bytes, (whole.lowerBound + authority)..<start)) else {
                throw .malformed("The request target does not name a host")
            }
        }
        return (start..<whole.upperBound, try Self.checkedPathEnd(bytes, start..<whole.upperBound))
    }

    private static func authorityStart(_ target: UnsafeRawBufferPointer) -> Int? {
        for scheme in ["http://", "https://"] as [StaticString] where target.count > scheme.utf8CodeUnitCount {
            let head = UnsafeRawBufferPointer(rebasing: target[0..<scheme.utf8CodeUnitCount])
            if ASCII.equalsIgnoringCase(head, scheme) { return scheme.utf8CodeUnitCount }
        }
        return nil
    }

    /// Refuses what a path must not have: a fragment, an escape that is none, a way upwards, a hidden NUL or line end.
    static func checkedPathEnd(_ bytes: UnsafeRawBufferPointer, _ target: Range<Int>) throws(Refusal) -> Int {
        var pathEnd = target.upperBound
        var position = target.lowerBound
        var segment = position + 1
        while position < target.upperBound {
            switch bytes[position] {
            case 0x3F where pathEnd == target.upperBound:
                pathEnd = position
                try checkSegment(bytes, segment..<position)
            case 0x2F where pathEnd == target.upperBound && position >= segment:
                try checkSegment(bytes, segment..<position)
                segment = position + 1
            case 0x5C where pathEnd == target.upperBound, 0x23:
                throw .malformed("The request target has a character that must be escaped")
            case 0x25:
                guard position + 2 < target.upperBound, let high = Bytes.hexadecimal(bytes[position + 1]),
                    let low = Bytes.hexadecimal(bytes[position + 2])
                else { throw .malformed("The request target has a broken escape") }
                let byte = high << 4 | low
                if byte == 0 || pathEnd == target.upperBound && (byte < 0x20 || byte == 0x7F || byte == 0x5C) {
                    throw .malformed("The request target hides a control character")
                }
                position += 2
            default: break
            }
            position += 1
        }
        if pathEnd == target.upperBound { try checkSegment(bytes, segment..<pathEnd) }
        return pathEnd
    }

    /// Refuses `.` and `..`, escaped or not.
    private static func checkSegment(_ bytes: UnsafeRawBufferPointer, _ segment: Range<Int>) throws(Refusal) {
        guard !segment.isEmpty, segment.count <= 6 else { return }
        var dots = 0
        var position = segment.lowerBound
        while position < segment.upperBound {
            if bytes[position] == 0x2E {
                position += 1
            } else if position + 2 < segment.upperBound, bytes[position] == 0x25, bytes[position + 1] == 0x32,
                bytes[position + 2] | 0x20 == 0x65
            {
                position += 3
            } else {
                return
            }
            dots += 1
        }
        if dots <= 2 { throw .malformed("The path must not lead upwards") }
    }

    // MARK: The fields

    private func readFields(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        _ known: inout RequestHead.KnownFields
    ) throws(Refusal) -> Int {
        var position = start
        var count = 0
        // The empty line ends the head; that it is there was seen before.
        while position + 1 < bytes.count, bytes[position] != 0x0D {
            guard count < limits.headerFields else { throw .tooManyFields }
            let nameStart = position
            while position < bytes.count, Bytes.isToken(bytes[position]) { position += 1 }
            guard position > nameStart, position < bytes.count, bytes[position] == 0x3A else {
                throw .malformed("A header field has no name, or its name has a character that no name has")
            }
            let name = nameStart..<position
            position += 1
            guard let lineFeed = Self.lineFeed(in: bytes, from: position, to: bytes.count), bytes[lineFeed - 1] == 0x0D
            else { throw .malformed("A header field has no end") }
            var (first, last) = (position, lineFeed - 1)
            while first < last, Bytes.isBlank(bytes[first]) { first += 1 }
            while last > first, Bytes.isBlank(bytes[last - 1]) { last -= 1 }
            guard lineFeed - nameStart <= limits.headerField else { throw .headerTooLarge }
            guard Bytes.isFieldValue(slice(bytes, first..<last)) else {
                throw .malformed("A header field has a control character")
            }
            fields[count] = RequestHead.Field(name: name, value: first..<last)
            try known.note(slice(bytes, name), at: count)
            count += 1
            position = lineFeed + 1
        }
        guard position + 2 == bytes.count else { throw .malformed("The header has no end") }
        return count
    }

    // MARK: What they mean together

    private func head(
        _ bytes: UnsafeRawBufferPointer,
        _ line: Line,
        fieldCount: Int,
        _ known: RequestHead.KnownFields
    ) throws(Refusal) -> RequestHead {
        if known.host >= 0 {
            guard Bytes.isAuthority(slice(bytes, fields[known.host].value)) else {
                throw .malformed("The Host field does not name a host")
            }
        } else if line.minorVersion > 0 {
            throw .malformed("There is no Host field")
        }
        let framing = try framing(bytes, line, known)
        var expectsContinue = false
        if known.expect >= 0 {
            guard ASCII.equalsIgnoringCase(slice(bytes, fields[known.expect].value), "100-continue") else {
                throw .expectation
            }
            expectsContinue = framing != .none && line.minorVersion > 0
        }
        return RequestHead(
            bytes: bytes,
            fields: UnsafeBufferPointer(rebasing: fields[0..<fieldCount]),
            known: known,
            methodBytes: line.method,
            targetBytes: line.target,
            method: Bytes.method(slice(bytes, line.method)),
            pathEnd: line.pathEnd,
            framing: framing,
            keepsAlive: keepsAlive(bytes, line, fieldCount, known),
            expectsContinue: expectsContinue,
            isOld: line.minorVersion == 0
        )
    }

    private func framing(
        _ bytes: UnsafeRawBufferPointer,
        _ line: Line,
        _ known: RequestHead.KnownFields
    ) throws(Refusal) -> RequestHead.Framing {
        if known.transferEncoding >= 0 {
            guard known.contentLength < 0 else {
                throw .malformed("Content-Length and Transfer-Encoding contradict each other")
            }
            guard line.minorVersion > 0,
                ASCII.equalsIgnoringCase(slice(bytes, fields[known.transferEncoding].value), "chunked")
            else { throw .malformed("Transfer-Encoding must be chunked, and nothing else") }
            return .chunked
        }
        guard known.contentLength >= 0 else { return .none }
        let digits = slice(bytes, fields[known.contentLength].value)
        guard !digits.isEmpty, digits.allSatisfy({ $0 &- 0x30 < 10 }) else {
            throw .malformed("Content-Length is not a number of bytes")
        }
        // More digits than memory has bytes: whatever the route takes, this is too much.
        let significant = digits.drop { $0 == 0x30 }
        let value = significant.count > 18 ? Int.max : significant.reduce(0) { $0 * 10 + Int($1 & 15) }
        return value == 0 ? .none : .length(value)
    }

    private func keepsAlive(
        _ bytes: UnsafeRawBufferPointer,
        _ line: Line,
        _ fieldCount: Int,
        _ known: RequestHead.KnownFields
    ) -> Bool {
        guard known.connection >= 0 else { return line.minorVersion > 0 }
        var keeps = line.minorVersion > 0
        for index in known.connection..<fieldCount {
            guard ASCII.equalsIgnoringCase(slice(bytes, fields[index].name), "connection") else { continue }
            let value = slice(bytes, fields[index].value)
            if Bytes.list(value, contains: "close") { return false }
            if Bytes.list(value, contains: "keep-alive") { keeps = true }
        }
        return keeps
    }

    // MARK: Bytes

    private func slice(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    private static func lineFeed(in bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int? {
        guard start < end, let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, end - start) else {
            return nil
        }
        return UnsafeRawPointer(found) - base
    }

    private static func hasLineFeed(_ bytes: UnsafeRawBufferPointer, within count: Int) -> Bool {
        lineFeed(in: bytes, from: 0, to: min(bytes.count, count)) != nil
    }
}
