// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import NIOCore
import NIOHPACK

/// An answer whose bytes were made before anybody asked: status, fields and body.
package final class ReadyAnswer: Sendable {
    /// The status.
    package let status: Int
    /// The fields, but for `date`, `connection` and `content-length`.
    package let fields: [Refusal.Field]
    /// The body.
    package let body: ByteBuffer
    /// The status line and all fields of the same for HTTP/1.1, without the empty line.
    let head: [UInt8]
    /// The same for HTTP/2.
    let headers: HPACKHeaders

    /// Makes the bytes ready.
    /// - Parameters:
    ///   - status: The status.
    ///   - fields: What to say besides `date`, `connection` and `content-length`; names in lower case, no line ends.
    ///   - body: The body; not sent to `HEAD`, nor with 304.
    package init(_ status: Int, fields: [Refusal.Field], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.fields = fields
        self.body = body
        let length = status == 304 || status == 204 ? nil : body.readableBytes
        head = AnswerHead.bytes(status, fields: fields, length: length)
        var headers = HPACKHeaders([(":status", String(status))])
        for field in fields { headers.add(name: field.name, value: AnswerHead.clean(field.value)) }
        if let length { headers.add(name: "content-length", value: String(length)) }
        self.headers = headers
    }
}

/// What the fast lane answers to one request.
package struct FastAnswer {
    let prepared: ReadyAnswer
    /// Whether whoever asked has shown a good key.
    let isForKnown: Bool

    /// The answer as it was prepared.
    /// - Parameters:
    ///   - prepared: What to send.
    ///   - isForKnown: Whether whoever asked has shown a good key, and so does not count as a stranger any more.
    package init(_ prepared: ReadyAnswer, isForKnown: Bool = false) {
        self.prepared = prepared
        self.isForKnown = isForKnown
    }
}

/// The words that go with a status.
package enum ReasonPhrase {
    /// The words for `status`, as RFC 9110 has them.
    package static func of(_ status: Int) -> String { AnswerHead.reason(status) }
}

/// The text of an answer's head.
enum AnswerHead {
    static func bytes(_ status: Int, fields: [Refusal.Field], length: Int?) -> [UInt8] {
        var text = "HTTP/1.1 \(status) \(reason(status))\r\n"
        for field in fields { text += "\(field.name): \(clean(field.value))\r\n" }
        if let length { text += "content-length: \(length)\r\n" }
        return Array(text.utf8)
    }

    /// The value without line ends and NUL, which would begin another field.
    static func clean(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else { return value }
        return String(decoding: value.utf8.filter { $0 >= 0x20 && $0 != 0x7F }, as: UTF8.self)
    }

    static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "Status"
        }
    }
}
