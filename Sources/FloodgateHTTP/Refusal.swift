// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why a request is not served: what the client is told, and what is counted.
package struct Refusal: Error, Sendable, Hashable {
    /// The status; below 500 whatever the client sent.
    package let status: Int
    /// What went wrong, for programs; stable.
    package let code: String
    /// What went wrong, for people; shows nothing of the request's secrets.
    package let detail: String
    /// Fields that go with the answer.
    package var fields: [Field] = []
    /// Whether the connection ends behind the answer, because what follows cannot be told apart any more.
    package var closes = false
    /// Whether the client is not read for a while if it, and many others, come again before the time they were told.
    package var slowsDown = false

    /// A header field of an answer.
    package struct Field: Sendable, Hashable {
        /// In lower case.
        package let name: String
        /// Without line ends.
        package let value: String

        /// A field; both parts are the server's own.
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A refusal.
    package init(_ status: Int, _ code: String, _ detail: String, fields: [Field] = [], closes: Bool = false) {
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields
        self.closes = closes
    }
}

extension Refusal {
    /// The request breaks the protocol; nothing behind it on the connection can be trusted.
    static func malformed(_ detail: String) -> Refusal { Refusal(400, "malformed", detail, closes: true) }

    static let requestLineTooLong = Refusal(414, "target_too_long", "The request line is too long", closes: true)
    static let headerTooLarge = Refusal(431, "header_too_large", "The header is too large", closes: true)
    static let tooManyFields = Refusal(431, "header_too_large", "There are too many header fields", closes: true)
    /// The body is larger than the route takes.
    package static let bodyTooLarge = Refusal(
        413,
        "too_large",
        "The body is larger than this route takes",
        closes: true
    )
    /// All bodies together are as large as they may be.
    package static let noRoom = Refusal(
        503,
        "overloaded",
        "The server has no room for the body just now; try again",
        fields: [.init("retry-after", "1")],
        closes: true
    )
    static let expectation = Refusal(417, "expectation_failed", "Only 100-continue can be expected", closes: true)
    static let slowHeader = Refusal(408, "timeout", "The header took too long", closes: true)
    static let slowBody = Refusal(408, "timeout", "The body took too long", closes: true)
}
