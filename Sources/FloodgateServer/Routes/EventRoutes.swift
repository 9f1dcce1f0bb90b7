// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import FloodgateIngest
import FloodgateJSON
import HTTPTypes
import Hummingbird

/// `POST /v1/log_event` and `POST /v1/rgstr`: batches of events, answered when they are durable.
struct EventRoutes: Sendable {
    let board: SnapshotBoard
    let intake: Intake
    /// Bytes that all bodies together may have when they are unpacked.
    let unpacked: ByteBudget
    let now: @Sendable () -> Int64

    func add(to router: Router<ServerContext>) {
        let group = router.group("v1")
            .add(middleware: AllowBrowsers())
            .group(context: SDKContext.self)
        for path in ["log_event", "rgstr"] as [RouterPath] {
            group.post(path, use: events)
        }
        group.post("log_custom_exposure", use: customExposures)
        group.post("webhooks/event_webhook", use: foreignEvent)
    }

    /// 202: every good event is on disk.
    ///
    /// 400, 413, 415: nothing is, and sending it again does not help. 503: try again.
    @Sendable private func events(_ request: Request, _ context: SDKContext) async throws -> Response {
        let receivedAt = now()
        let query = request.uri.queryParameters
        let lease = unpacked.lease()
        let sentAt = request.headers[.clientTime].flatMap { Int64($0) } ?? query.get("t").flatMap { Int64($0) }
        let answer = await intake.accept(
            IntakeRequest(
                body: try await request.bytes(upTo: BodyLimit.events),
                contentEncoding: request.headers[.contentEncoding],
                isMarkedGzip: query.get("gz") == "1",
                environment: context.caller.environment,
                keyKind: context.caller.kind.rawValue,
                receivedAt: receivedAt,
                sentAt: sentAt,
                idempotencyKey: request.headers[.idempotencyKey].flatMap { 1...256 ~= $0.utf8.count ? $0 : nil },
                mayUnpack: { lease.take($0) }
            )
        )
        return Self.response(to: answer, context)
    }

    /// What the intake says, as HTTP has it.
    static func response(to answer: IntakeAnswer, _ context: SDKContext) -> Response {
        var headers: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store"]
        if let seconds = answer.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if let refusal = answer.refusal {
            context.fault.code = refusal.rawValue
            let message = (try? JSONValue(parsing: answer.body))?["message"]?.stringValue
            var problem = Problem(
                status: refusal.status,
                code: refusal.rawValue,
                detail: message ?? "The events cannot be kept just now; send them again"
            )
            problem.saysFailure = true
            headers[.contentType] = Problem.contentType
            let body = ResponseBody(bytes: problem.bytes(requestID: context.requestID))
            return Response(status: .init(code: refusal.status), headers: headers, body: body)
        }
        return Response(status: .init(code: answer.status), headers: headers, body: ResponseBody(bytes: answer.body))
    }
}
