// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateHTTP
import FloodgateJSON

/// The one form of all error answers: `application/problem+json` (RFC 9457).
///
/// Besides the members of the RFC there are `code` and `request_id`; and `message`, and on 4xx `errors`, which is where
/// Statsig's SDKs and Terraform's provider look.
struct Problem: Sendable {
    static let contentType = "application/problem+json"

    let status: Int
    let code: String
    let detail: String
    /// The place of the fault in the body, as JSON Pointer.
    var pointer: String?
    /// Whether SDKs look for `success` in answers of the route.
    var saysFailure = false

    /// The body.
    func bytes(requestID: String?) -> [UInt8] {
        // Errors name what was asked for, and somebody may have put a key there.
        let detail = KeyRedaction.redacted(detail, shortest: 16)
        var object: JSONObject = [
            "type": .string("about:blank"), "title": .string(ReasonPhrase.of(status)), "status": .integer(status),
            "code": .string(code), "detail": .string(detail), "message": .string(detail),
        ]
        if 400..<500 ~= status {
            var fault: JSONObject = ["message": .string(detail)]
            fault.set("pointer", pointer.map { .string(KeyRedaction.redacted($0, shortest: 16)) })
            object["errors"] = [.object(fault)]
        }
        if saysFailure { object["success"] = false }
        object.set("request_id", requestID.map(JSONValue.string))
        return JSONValue.object(object).bytes
    }
}
