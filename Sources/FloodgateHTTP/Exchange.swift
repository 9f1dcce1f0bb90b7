// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

/// What is known of the request in work, and of its answer.
final class Exchange {
    let head: HTTPRequest
    let id: String
    let terms: RequestTerms
    let framing: RequestHead.Framing
    let isOld: Bool
    let awaitsContinue: Bool
    let since = LoopState.preciseNow
    var keepsAlive: Bool
    var isChunked = false
    var isStreaming = false
    /// Whether the answer goes on until one side ends it.
    var isEndless = false
    var status = 0
    var task: Task<Void, Never>?
    var bodySince: UInt64 = 0
    private var left: Int
    private var body = ByteBuffer()
    private var chunked: ChunkedBody?
    /// What the body holds of the process's budget; nil without a body or a budget.
    let lease: ByteBudget.Lease?

    init(
        head: HTTPRequest,
        id: String,
        terms: RequestTerms,
        framing: RequestHead.Framing,
        bodyLength: Int,
        keepsAlive: Bool,
        isOld: Bool,
        awaitsContinue: Bool,
        limits: HTTPLimits
    ) {
        self.head = head
        self.id = id
        self.terms = terms
        self.framing = framing
        self.keepsAlive = keepsAlive
        self.isOld = isOld
        self.awaitsContinue = awaitsContinue
        left = bodyLength
        lease = framing == .none ? nil : terms.bodies?.lease()
        if framing == .chunked { chunked = ChunkedBody(limits: limits) }
    }

    var isHead: Bool { head.method == .head }

    /// The request, all of which is there, for the service; the body is handed over with it.
    func whole(from peer: Peer, over channel: any Channel) -> InboundRequest {
        InboundRequest(
            head: head,
            body: takeBody(),
            id: id,
            peer: peer,
            terms: terms,
            channel: channel,
            lease: lease
        )
    }

    /// Takes what belongs to the body from `bytes`; true when it is complete.
    func readBody(_ bytes: inout ByteBuffer) throws(Refusal) -> Bool {
        if chunked != nil {
            let before = body.readableBytes
            try chunked?.read(&bytes, into: &body, limit: terms.bodyLimit)
            try charge(body.readableBytes - before)
            return chunked?.isComplete ?? true
        }
        guard var part = bytes.readSlice(length: min(left, bytes.readableBytes)) else { return false }
        try charge(part.readableBytes)
        left -= part.readableBytes
        if body.readableBytes == 0, left == 0 {
            body = part
        } else {
            // No more at once than came: an announced length is only a word.
            if body.writableBytes < part.readableBytes {
                let wanted = max(body.readableBytes, part.readableBytes)
                body.reserveCapacity(minimumWritableBytes: min(left + part.readableBytes, wanted))
            }
            body.writeBuffer(&part)
        }
        return left == 0
    }

    /// Appends to a body whose end somebody else knows.
    func append(_ bytes: ByteBuffer) throws(Refusal) {
        guard body.readableBytes + bytes.readableBytes <= terms.bodyLimit else { throw .bodyTooLarge }
        try charge(bytes.readableBytes)
        if body.readableBytes == 0 {
            body = bytes
        } else {
            body.writeImmutableBuffer(bytes)
        }
    }

    /// Counts `bytes` that came in against what all bodies together may hold.
    private func charge(_ bytes: Int) throws(Refusal) {
        if let lease, !lease.take(bytes) { throw .noRoom }
    }

    func takeBody() -> ByteBuffer {
        defer { body = ByteBuffer() }
        return body
    }

    func isTooSlow(at now: UInt64, _ limits: HTTPLimits) -> Bool {
        let time = now &- bodySince
        if time >= limits.bodyTimeout.nanoseconds { return true }
        guard time >= limits.bodyGrace.nanoseconds else { return false }
        return Double(body.readableBytes) < Double(limits.bodyRate) * Double(time) / 1e9
    }
}
