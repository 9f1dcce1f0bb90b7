// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateIngest
import HTTPTypes
import Hummingbird
import NIOCore

/// `POST /v1/log_event` and `POST /v1/rgstr`: batches of events, answered when they are durable.
///
/// 202: every good event is on disk. 400, 413, 415: nothing is, and sending it again does not help. 503: try again.
///
/// They are most of what comes in, so they pass the router by: its way to a handler and back takes longer than a short batch.
struct BatchRoutes: Sendable {
    let intake: Intake
    /// Bytes that all bodies together may have when they are unpacked.
    let unpacked: ByteBudget
    let now: @Sendable () -> Int64

    /// Answers `request`, which `caller` has sent.
    func answer(_ request: InboundRequest, _ caller: SDKKey) async -> IntakeAnswer {
        await intake.accept(batch(request, caller))
    }

    /// Begins to answer a short batch that nothing is wrong with, and gives what makes the answer to `then` on `loop`.
    /// - Returns: Whether it has begun; all else is for `answer`.
    func begin(
        _ request: InboundRequest,
        _ caller: SDKKey,
        on loop: any EventLoop,
        then: @escaping @Sendable (IntakeAnswer) -> Void
    ) -> Bool {
        // The log's thread has more to do than answers.
        intake.begin(batch(request, caller)) { answer in loop.execute { then(answer()) } }
    }

    private func batch(_ request: InboundRequest, _ caller: SDKKey) -> IntakeRequest {
        let fields = request.head.headerFields
        let hasQuery = request.head.path?.utf8.contains(UInt8(ascii: "?")) ?? false
        let query =
            hasQuery ? Request(head: request.head, body: RequestBody(buffer: ByteBuffer())).uri.queryParameters : nil
        let lease = unpacked.lease()
        return IntakeRequest(
            body: Array(buffer: request.body),
            contentEncoding: fields[.contentEncoding],
            isMarkedGzip: query?.get("gz") == "1",
            environment: caller.environment,
            keyKind: caller.kind.rawValue,
            receivedAt: now(),
            sentAt: fields[.clientTime].flatMap { Int64($0) } ?? query?.get("t").flatMap { Int64($0) },
            idempotencyKey: fields[.idempotencyKey].flatMap { 1...256 ~= $0.utf8.count ? $0 : nil },
            mayUnpack: { lease.take($0) }
        )
    }

    /// What the intake says, as HTTP has it, and the code of an error.
    static func outbound(_ answer: IntakeAnswer, to request: InboundRequest) -> (answer: OutboundAnswer, code: String?)
    {
        var (head, body) = answer.response(requestID: request.id)
        if request.head.headerFields[.origin] != nil {
            head.headerFields[.accessControlAllowOrigin] = "*"
            head.headerFields[.accessControlExposeHeaders] = AllowBrowsers.readable
        }
        return (OutboundAnswer(head, .bytes(ByteBuffer(bytes: body))), answer.refusal?.rawValue)
    }
}
