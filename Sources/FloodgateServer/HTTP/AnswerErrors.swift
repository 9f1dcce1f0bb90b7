// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging

/// Turns every error of a route into its answer.
struct AnswerErrors: RouterMiddleware {
    typealias Context = ServerContext

    func handle(
        _ request: Request,
        context: ServerContext,
        next: @concurrent (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        do { return try await next(request, context) } catch { return Self.answer(error, context) }
    }

    static func answer(_ error: any Error, _ context: ServerContext) -> Response {
        let known = ServerError.of(error)
        context.fault.code = (known?.code ?? (error is CancellationError ? .unavailable : .internalFault)).rawValue
        if let error = known {
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
