// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import FloodgateIngest
import FloodgateJSON
import HTTPTypes
import Hummingbird

/// What programs report without an SDK's batches: `POST /v1/log_custom_exposure` and `POST /v1/webhooks/event_webhook`.
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
        group.post("log_custom_exposure", use: customExposures)
        group.post("webhooks/event_webhook", use: foreignEvent)
    }

    /// What the intake says, as the router has it.
    static func response(to answer: IntakeAnswer, _ context: SDKContext) -> Response {
        context.fault.code = answer.refusal?.rawValue
        let (head, body) = answer.response(requestID: context.requestID)
        return Response(status: head.status, headers: head.headerFields, body: ResponseBody(bytes: body))
    }
}

extension IntakeAnswer {
    /// Head and body of the answer to the request of that name.
    func response(requestID: String?) -> (head: HTTPResponse, body: [UInt8]) {
        var head = HTTPResponse(status: .init(code: status))
        head.headerFields[.cacheControl] = "no-store"
        if let seconds = retryAfterSeconds { head.headerFields[.retryAfter] = String(seconds) }
        guard let refusal else {
            head.headerFields[.contentType] = "application/json"
            return (head, body)
        }
        let message = (try? JSONValue(parsing: body))?["message"]?.stringValue
        var problem = Problem(
            status: refusal.status,
            code: refusal.rawValue,
            detail: message ?? "The events cannot be kept just now; send them again"
        )
        problem.saysFailure = true
        head.headerFields[.contentType] = Problem.contentType
        return (head, problem.bytes(requestID: requestID))
    }
}
