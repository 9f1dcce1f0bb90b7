// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOHPACK

/// Lays the head of an HTTP/2 request out as one of HTTP/1, so that whoever decides on it needs to know one form.
final class HTTP2Heads {
    private let limits: HTTPLimits
    private let bytes: UnsafeMutableRawBufferPointer
    private let fields: UnsafeMutableBufferPointer<RequestHead.Field>

    init(limits: HTTPLimits) {
        self.limits = limits
        bytes = .allocate(byteCount: limits.headerSection, alignment: 8)
        fields = .allocate(capacity: limits.headerFields + 1)
    }

    deinit {
        bytes.deallocate()
        fields.deallocate()
    }

    /// Checks the head and hands it to `body`, where it is good until that returns.
    ///
    /// Which pseudo fields there are, and that connections' own fields are missing, NIO has looked at before.
    func read<Result>(
        _ headers: HPACKHeaders,
        endsStream: Bool,
        _ body: (RequestHead) -> Result
    ) throws(Refusal) -> Result {
        var writer = Writer(bytes: bytes, limits: limits)
        var known = RequestHead.KnownFields()
        var count = 0
        var (method, target) = (0..<0, 0..<0)
        var authority: Range<Int>?
        for (name, value, _) in headers {
            if name.utf8.first == UInt8(ascii: ":") {
                switch name {
                case ":method": method = try writer.append(value)
                case ":path": target = try writer.append(value)
                case ":authority": authority = try writer.append(value)
                default: break
                }
                continue
            }
            guard count < limits.headerFields else { throw .tooManyFields }
            guard name.utf8.count + value.utf8.count <= limits.headerField else { throw .headerTooLarge }
            let field = RequestHead.Field(name: try writer.append(name), value: try writer.append(value))
            fields[count] = field
            try known.note(writer.slice(field.name), at: count)
            count += 1
        }
        if known.host >= 0, let authority {
            let host = UnsafeRawBufferPointer(rebasing: bytes[fields[known.host].value])
            guard host.elementsEqual(bytes[authority]) else {
                throw .malformed("The request names two hosts")
            }
        }
        if known.host < 0, let authority {
            fields[count] = RequestHead.Field(name: try writer.append("host"), value: authority)
            known.host = count
            count += 1
        }
        guard target.count <= limits.requestLine else { throw .requestLineTooLong }
        let whole = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[0..<writer.count])
        let pathEnd = try check(whole, method, target, count, known)
        let framing = try framing(whole, known, endsStream: endsStream)
        let head = RequestHead(
            bytes: whole,
            fields: UnsafeBufferPointer(rebasing: fields[0..<count]),
            known: known,
            methodBytes: method,
            targetBytes: target,
            method: Bytes.method(UnsafeRawBufferPointer(rebasing: whole[method])),
            pathEnd: pathEnd,
            framing: framing,
            keepsAlive: true,
            expectsContinue: known.expect >= 0 && !endsStream,
            isOld: false
        )
        return body(head)
    }

    private func check(
        _ whole: UnsafeRawBufferPointer,
        _ method: Range<Int>,
        _ target: Range<Int>,
        _ count: Int,
        _ known: RequestHead.KnownFields
    ) throws(Refusal) -> Int {
        guard !method.isEmpty, whole[method].allSatisfy(Bytes.isToken) else {
            throw .malformed("The method is not one")
        }
        for field in fields[0..<count] {
            guard !field.name.isEmpty, whole[field.name].allSatisfy(Bytes.isToken) else {
                throw .malformed("A header field's name has a character that no name has")
            }
            guard Bytes.isFieldValue(UnsafeRawBufferPointer(rebasing: whole[field.value])) else {
                throw .malformed("A header field has a control character")
            }
        }
        guard known.host >= 0, Bytes.isAuthority(UnsafeRawBufferPointer(rebasing: whole[fields[known.host].value]))
        else {
            throw .malformed("The request does not name a host")
        }
        if known.expect >= 0 {
            let value = UnsafeRawBufferPointer(rebasing: whole[fields[known.expect].value])
            guard ASCII.equalsIgnoringCase(value, "100-continue") else { throw .expectation }
        }
        guard let first = target.first, whole[target].allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .malformed("The request target is not one")
        }
        if whole[first] == 0x2A, target.count == 1 { return target.upperBound }
        guard whole[first] == 0x2F else { throw .malformed("The request target does not begin with a slash") }
        return try HeadScanner.checkedPathEnd(whole, target)
    }

    private func framing(
        _ whole: UnsafeRawBufferPointer,
        _ known: RequestHead.KnownFields,
        endsStream: Bool
    ) throws(Refusal) -> RequestHead.Framing {
        if endsStream { return .none }
        guard known.contentLength >= 0 else { return .chunked }
        let digits = whole[fields[known.contentLength].value]
        guard !digits.isEmpty, digits.allSatisfy({ $0 &- 0x30 < 10 }) else {
            throw .malformed("Content-Length is not a number of bytes")
        }
        let significant = digits.drop { $0 == 0x30 }
        return .length(significant.count > 18 ? Int.max : significant.reduce(0) { $0 * 10 + Int($1 & 15) })
    }

    private struct Writer {
        let bytes: UnsafeMutableRawBufferPointer
        let limits: HTTPLimits
        var count = 0

        init(bytes: UnsafeMutableRawBufferPointer, limits: HTTPLimits) {
            self.bytes = bytes
            self.limits = limits
        }

        mutating func append(_ text: String) throws(Refusal) -> Range<Int> {
            var text = text
            let start = count
            let isIn = text.withUTF8 { utf8 in
                guard utf8.count <= bytes.count - start else { return false }
                UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyMemory(from: UnsafeRawBufferPointer(utf8))
                return true
            }
            guard isIn else { throw .headerTooLarge }
            count += text.utf8.count
            return start..<count
        }

        func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }
    }
}
