// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateFlags
package import FloodgateJSON
import HTTPTypes
package import Hummingbird

/// An error as OFREP has it, where it has one: for what is wrong with a question (400), a flag that is not there (404)
/// and faults of our own (500).
package struct FlagFailure: Sendable {
    /// OpenFeature's code; nil for faults of our own.
    let errorCode: FlagError.Code?
    /// What was found, for people.
    let errorDetails: String
    /// The flag that was asked for, if it was one.
    let key: String?
    /// What the error counts as in metrics and the log.
    let code: ServerError.Code

    init(_ error: FlagError, key: String?) {
        let code: ServerError.Code =
            switch error.code {
            case .flagNotFound: .notFound
            case .parseError: .malformed
            default: .invalid
            }
        self.init(error.code, error.message, key: key, code)
    }

    private init(_ errorCode: FlagError.Code?, _ details: String, key: String?, _ code: ServerError.Code) {
        self.errorCode = errorCode
        errorDetails = details
        self.key = key
        self.code = code
    }

    /// What `error` means for a client of OFREP; nil if it is told in the form that all routes share.
    package init?(_ error: any Error, key: String?) {
        if let error = error as? FlagError {
            self.init(error, key: key)
            return
        }
        if error is CancellationError { return nil }
        guard let known = ServerError.of(error), known.code != .internalFault else {
            let details = "Something went wrong here; the server's log says more under the request id"
            self.init(nil, details, key: nil, .internalFault)
            return
        }
        guard known.code == .malformed else { return nil }
        self.init(FlagError(.parseError, known.message), key: key)
    }

    /// The body.
    ///
    /// The key is what was asked for, and somebody may have put an SDK's key there.
    package var object: JSONObject {
        var object = JSONObject()
        object.set("key", key.map { .string(KeyRedaction.redacted($0, shortest: 16)) })
        object.set("errorCode", errorCode.map { .string($0.rawValue) })
        object["errorDetails"] = .string(KeyRedaction.redacted(errorDetails, shortest: 16))
        return object
    }

    /// The answer.
    package var response: Response { .json(.object(object), status: code.status) }
}
