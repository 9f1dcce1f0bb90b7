// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
package import HTTPTypes
package import Hummingbird
import NIOCore

/// Why a request is not answered as it would like; everything that leaves a handler becomes one of these.
package struct ServerError: Error, Sendable {
    /// What went wrong; the status follows from it.
    package enum Code: String, Sendable, CaseIterable {
        case malformed
        case invalid
        case keyMissing = "key_missing"
        case keyUnknown = "key_unknown"
        case forbidden
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case conflict
        case tooLarge = "too_large"
        case unsupportedEncoding = "unsupported_encoding"
        case unsupportedMediaType = "unsupported_media_type"
        case rangeNotSatisfiable = "range_not_satisfiable"
        case rateLimited = "rate_limited"
        case unavailable
        case internalFault = "internal"
    }

    /// What went wrong.
    package var code: Code
    /// What was found and what to do; holds no secrets.
    package var message: String
    /// The status; by default the one that goes with the code.
    package var status: HTTPResponse.Status
    /// Headers that go with the answer.
    package var headers: HTTPFields
    /// The place of the fault in the body, as JSON Pointer.
    package var pointer: String?

    package init(
        _ code: Code,
        _ message: String,
        status: HTTPResponse.Status? = nil,
        headers: HTTPFields = [:],
        pointer: String? = nil
    ) {
        self.code = code
        self.message = message
        self.status = status ?? code.status
        self.headers = headers
        self.pointer = pointer
    }

    /// The answer, in the one form that errors have (`Problem`).
    package func response(requestID: String?) -> Response {
        let problem = Problem(status: status.code, code: code.rawValue, detail: message, pointer: pointer)
        var headers = headers
        headers[.contentType] = Problem.contentType
        headers[.cacheControl] = "no-store"
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(bytes: problem.bytes(requestID: requestID))
        )
    }
}

extension ServerError.Code {
    /// The status that goes with the code.
    var status: HTTPResponse.Status {
        switch self {
        case .malformed, .invalid: .badRequest
        case .keyMissing, .keyUnknown: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .conflict: .conflict
        case .tooLarge: .contentTooLarge
        case .unsupportedEncoding, .unsupportedMediaType: .unsupportedMediaType
        case .rangeNotSatisfiable: .rangeNotSatisfiable
        case .rateLimited: .tooManyRequests
        case .unavailable: .serviceUnavailable
        case .internalFault: .internalServerError
        }
    }
}

extension ServerError {
    /// What `error`, thrown by whatever layer, means for the client; nil for a fault of our own.
    static func of(_ error: any Error) -> ServerError? {
        switch error {
        case let error as ServerError: error
        case let error as ControlError: of(error)
        case let error as JSONError: ServerError(.malformed, "The body is not JSON: \(error)")
        case is NIOTooManyBytesError: ServerError(.tooLarge, "The body is larger than this route takes")
        case let error as HTTPError: of(error)
        default: nil
        }
    }

    private static func of(_ error: ControlError) -> ServerError? {
        switch error.code {
        case .notFound: ServerError(.notFound, error.message)
        case .conflict: ServerError(.conflict, error.message)
        case .invalid: ServerError(.invalid, error.message, pointer: error.pointer)
        case .storage, .cancelled:
            ServerError(.unavailable, "The store is not available just now; try again", headers: [.retryAfter: "1"])
        case .corrupt, .newerFormat: nil
        }
    }

    private static func of(_ error: HTTPError) -> ServerError? {
        switch error.status {
        case .notFound: ServerError(.notFound, "There is no such route")
        case .contentTooLarge: ServerError(.tooLarge, "The body is larger than this route takes")
        case .unsupportedMediaType: ServerError(.unsupportedMediaType, "This content type is not supported")
        default:
            error.status.kind == .clientError
                ? ServerError(.malformed, error.body ?? error.status.reasonPhrase, status: error.status) : nil
        }
    }
}
