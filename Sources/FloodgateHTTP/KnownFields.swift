// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension RequestHead.KnownFields {
    /// Notes that field `index` is called `name`; refuses a second one of those that must not come twice.
    mutating func note(_ name: UnsafeRawBufferPointer, at index: Int) throws(Refusal) {
        switch name.count {
        case 4 where ASCII.equalsIgnoringCase(name, "host"):
            guard host < 0 else { throw .malformed("There are several Host fields") }
            host = index
        case 5 where ASCII.equalsIgnoringCase(name, "range"): Self.keepFirst(&range, index)
        case 6 where ASCII.equalsIgnoringCase(name, "expect"):
            guard expect < 0 else { throw .expectation }
            expect = index
        case 10 where ASCII.equalsIgnoringCase(name, "connection"): Self.keepFirst(&connection, index)
        case 12 where ASCII.equalsIgnoringCase(name, "content-type"):
            guard contentType < 0 else { throw .malformed("There are several Content-Type fields") }
            contentType = index
        case 13 where ASCII.equalsIgnoringCase(name, "if-none-match"): Self.keepFirst(&ifNoneMatch, index)
        case 14 where ASCII.equalsIgnoringCase(name, "content-length"):
            guard contentLength < 0 else { throw .malformed("There are several Content-Length fields") }
            contentLength = index
        case 15:
            if ASCII.equalsIgnoringCase(name, "accept-encoding") {
                Self.keepFirst(&acceptEncoding, index)
            } else if ASCII.equalsIgnoringCase(name, "statsig-api-key") {
                guard statsigKey < 0 else { throw .malformed("There are several STATSIG-API-KEY fields") }
                statsigKey = index
            } else if ASCII.equalsIgnoringCase(name, "x-forwarded-for") {
                Self.keepFirst(&forwardedFor, index)
            }
        case 16 where ASCII.equalsIgnoringCase(name, "content-encoding"):
            guard contentEncoding < 0 else { throw .malformed("There are several Content-Encoding fields") }
            contentEncoding = index
        case 17 where ASCII.equalsIgnoringCase(name, "transfer-encoding"):
            guard transferEncoding < 0 else { throw .malformed("There are several Transfer-Encoding fields") }
            transferEncoding = index
        default: break
        }
    }

    private static func keepFirst(_ known: inout Int, _ index: Int) { if known < 0 { known = index } }
}
