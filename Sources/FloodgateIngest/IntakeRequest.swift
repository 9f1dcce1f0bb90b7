// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A request to `log_event` or `rgstr` whose key has been recognised, free of HTTP.
package struct IntakeRequest: Sendable {
    /// The body as it came.
    package var body: [UInt8]
    /// The header `Content-Encoding`, if there was one.
    package var contentEncoding: String?
    /// Whether the query says `gz=1`, as JavaScript clients do that may not set the header.
    package var isMarkedGzip: Bool
    /// The environment that the SDK key opens.
    package var environment: String
    /// The kind of key: `server` or `client`.
    package var keyKind: String
    /// When the request arrived, in Unix milliseconds.
    package var receivedAt: Int64
    /// When it was sent by the client's clock (header `STATSIG-CLIENT-TIME`, query `t`), in Unix milliseconds.
    package var sentAt: Int64?
    /// The header `Idempotency-Key`, if there was one.
    package var idempotencyKey: String?
    /// Whether it is a batch that an edge has accepted already, and packed better than any client: it must not be refused for
    /// being longer than clients' may be.
    package var isFromEdge = false
    /// Whether so many bytes more may be unpacked; what it grants is counted for as long as the request is there.
    package var mayUnpack: @Sendable (Int) -> Bool

    package init(
        body: [UInt8],
        contentEncoding: String? = nil,
        isMarkedGzip: Bool = false,
        environment: String,
        keyKind: String,
        receivedAt: Int64,
        sentAt: Int64? = nil,
        idempotencyKey: String? = nil,
        mayUnpack: @escaping @Sendable (Int) -> Bool = { _ in true }
    ) {
        self.body = body
        self.contentEncoding = contentEncoding
        self.isMarkedGzip = isMarkedGzip
        self.environment = environment
        self.keyKind = keyKind
        self.receivedAt = receivedAt
        self.sentAt = sentAt
        self.idempotencyKey = idempotencyKey
        self.mayUnpack = mayUnpack
    }
}
