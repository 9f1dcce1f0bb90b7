// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// The head of one request where it lies in the connection's buffer; good only within the call that it is handed to.
package struct RequestHead {
    /// What is to be done.
    package enum Method: UInt8, Sendable { case get, head, post, put, patch, delete, options, other }

    /// How the body ends.
    package enum Framing: Sendable, Equatable {
        case none
        case length(Int)
        case chunked
    }

    /// A header field, as offsets into the bytes.
    struct Field {
        var name: Range<Int>
        var value: Range<Int>
    }

    /// Where the fields lie that the server itself looks at; negative for those that are not there.
    struct KnownFields {
        var host = -1
        var contentLength = -1
        var transferEncoding = -1
        var connection = -1
        var expect = -1
        var acceptEncoding = -1
        var contentType = -1
        var contentEncoding = -1
        var statsigKey = -1
        var ifNoneMatch = -1
        var range = -1
        var forwardedFor = -1
    }

    /// The bytes of the whole head.
    let bytes: UnsafeRawBufferPointer
    /// All fields, in order.
    let fields: UnsafeBufferPointer<Field>
    let known: KnownFields
    let methodBytes: Range<Int>
    let targetBytes: Range<Int>

    /// The method, where it is one that some route knows.
    package let method: Method
    /// Where the path ends within the target.
    let pathEnd: Int
    /// How the body ends.
    package let framing: Framing
    /// Whether the client wants to go on with the connection.
    package let keepsAlive: Bool
    /// Whether the client waits for a `100 Continue` before it sends the body.
    package let expectsContinue: Bool
    /// Whether the client speaks HTTP/1.0.
    package let isOld: Bool
}

extension RequestHead {
    /// The path, percent-encoded as it came.
    package var path: UnsafeRawBufferPointer { slice(targetBytes.lowerBound..<pathEnd) }

    /// The query without its question mark; empty if there is none.
    package var query: UnsafeRawBufferPointer {
        slice(min(pathEnd + 1, targetBytes.upperBound)..<targetBytes.upperBound)
    }

    /// Bytes that the body is announced to have, 0 where nobody said; nil without a body.
    package var announcedLength: Int? {
        switch framing {
        case .none: nil
        case .length(let length): length
        case .chunked: 0
        }
    }

    /// The value of `Accept-Encoding`; nil if there is none, the first if there are several.
    package var acceptEncoding: UnsafeRawBufferPointer? { value(known.acceptEncoding) }
    /// The value of `STATSIG-API-KEY`.
    package var statsigKey: UnsafeRawBufferPointer? { value(known.statsigKey) }
    /// The value of `If-None-Match`.
    package var ifNoneMatch: UnsafeRawBufferPointer? { value(known.ifNoneMatch) }
    /// The value of `Range`.
    package var range: UnsafeRawBufferPointer? { value(known.range) }
    /// The value of `Content-Type`.
    package var contentType: UnsafeRawBufferPointer? { value(known.contentType) }
    /// The value of `Content-Encoding`.
    package var contentEncoding: UnsafeRawBufferPointer? { value(known.contentEncoding) }

    /// The value of the field `name`, which is given in lower case; nil if there is none, the first if there are several.
    package func first(_ name: StaticString) -> UnsafeRawBufferPointer? {
        let wanted = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        for field in fields where field.name.count == wanted.count {
            if ASCII.equalsIgnoringCase(slice(field.name), wanted) { return slice(field.value) }
        }
        return nil
    }

    /// The values of all fields `name`, which is given in lower case, in order.
    package func all(_ name: StaticString) -> [String] {
        let wanted = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return fields.filter { $0.name.count == wanted.count && ASCII.equalsIgnoringCase(slice($0.name), wanted) }
            .map { String(decoding: slice($0.value), as: UTF8.self) }
    }

    /// The request as values, to keep.
    package func request(scheme: String) -> HTTPRequest {
        var headers = HTTPFields()
        headers.reserveCapacity(fields.count)
        for (index, field) in fields.enumerated() where index != known.host {
            // Names were checked, so this is never nil.
            guard let name = HTTPField.Name(String(decoding: slice(field.name), as: UTF8.self)) else { continue }
            headers.append(HTTPField(name: name, value: String(decoding: slice(field.value), as: UTF8.self)))
        }
        return HTTPRequest(
            method: HTTPRequest.Method(String(decoding: slice(methodBytes), as: UTF8.self)) ?? .get,
            scheme: scheme,
            authority: value(known.host).map { String(decoding: $0, as: UTF8.self) },
            path: String(decoding: slice(targetBytes), as: UTF8.self),
            headerFields: headers
        )
    }

    private func value(_ index: Int) -> UnsafeRawBufferPointer? { index < 0 ? nil : slice(fields[index].value) }

    func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }
}

/// Bytes of a protocol, without regard to any language.
package enum ASCII {
    /// Whether `bytes` is `lowercase`, but for the case of its letters.
    @inline(__always)
    package static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ lowercase: UnsafeRawBufferPointer) -> Bool
    {
        guard bytes.count == lowercase.count else { return false }
        for index in 0..<bytes.count where lowered(bytes[index]) != lowercase[index] { return false }
        return true
    }

    /// Whether `bytes` is `lowercase`, but for the case of its letters.
    @inline(__always)
    package static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
        equalsIgnoringCase(
            bytes,
            UnsafeRawBufferPointer(start: lowercase.utf8Start, count: lowercase.utf8CodeUnitCount)
        )
    }

    /// Whether `bytes` is `text`, byte by byte.
    @inline(__always)
    package static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where bytes[index] != text.utf8Start[index] { return false }
        return true
    }

    @inline(__always)
    static func lowered(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}
