// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging

/// Turns every error into its JSON answer, counts and times the request, and gives each answer its request id.
struct AnswerErrors: RouterMiddleware {
    typealias Context = ServerContext

    let metrics: ServerMetrics

    func handle(
        _ request: Request,
        context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        metrics.requestBegan()
        defer { metrics.requestEnded() }
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            response = answer(error, context)
        }
        let requestID = context.requestID
        if let requestID { response.headers[.requestID] = requestID }
        let route = context.coreContext.endpointPath.value ?? "none"
        let duration = ContinuousClock.now - start
        metrics.answered(route: route, method: request.method, status: response.status, duration: duration)
        // The path would show keys; the route does not.
        context.logger.debug(
            "Request answered",
            metadata: [
                "http.route": .string(route), "http.request.method": .string(request.method.rawValue),
                "http.response.status_code": .stringConvertible(response.status.code),
                "duration_ms": .stringConvertible(Int(duration / .milliseconds(1))),
            ]
        )
        return response
    }

    private func answer(_ error: any Error, _ context: ServerContext) -> Response {
        if let error = ServerError.of(error) {
            if error.status.kind == .serverError {
                context.logger.warning("Request failed", metadata: ["code": .string(error.code.rawValue)])
            }
            return error.response(requestID: context.requestID)
        }
        if error is CancellationError {
            return ServerError(.unavailable, "The server is shutting down", headers: [.retryAfter: "1"])
                .response(requestID: context.requestID)
        }
        context.logger.error("Request failed", metadata: ["error": .string("\(error)")])
        return ServerError(.internalFault, "Something went wrong here; the server's log says more under the request id")
            .response(requestID: context.requestID)
    }
}
