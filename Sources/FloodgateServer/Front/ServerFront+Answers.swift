// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
package import FloodgateHTTP
import FloodgateIngest
import HTTPTypes
package import NIOCore

// Batches of events go to the intake, and everything else to the router.
extension ServerFront {
    package func begin(
        _ request: InboundRequest,
        on loop: any EventLoop,
        then: @escaping @Sendable (OutboundAnswer) -> Void
    ) -> Bool {
        let (route, shedClass) = work(request.terms)
        guard route.takesBatches, let caller = request.terms.caller as? SDKKey else { return false }
        return batches.begin(request, caller, on: loop) { answer in
            let now = MonotonicClock.now
            let answer = outbound(answer, to: request, at: now)
            guards.leave(route, shedClass, after: now &- request.startedAt, at: now)
            then(answer)
        }
    }

    private func outbound(_ answer: IntakeAnswer, to request: InboundRequest, at now: UInt64) -> OutboundAnswer {
        var (answer, code) = BatchRoutes.outbound(answer, to: request)
        answer.head.headerFields[.requestID] = request.id
        didAnswer(answer, to: request, code: code, after: .nanoseconds(Int64(clamping: now &- request.startedAt)))
        return answer
    }

    package func answer(_ request: InboundRequest) async -> OutboundAnswer {
        let (route, shedClass) = work(request.terms)
        let answer: OutboundAnswer
        if route.takesBatches, let caller = request.terms.caller as? SDKKey {
            answer = outbound(await batches.answer(request, caller), to: request, at: MonotonicClock.now)
        } else {
            answer = await respond(to: request)
        }
        let now = MonotonicClock.now
        guards.leave(route, shedClass, after: Task.isCancelled ? nil : now &- request.startedAt, at: now)
        return answer
    }
}
