// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvents
internal import FloodgateJSON

/// What an intake request is answered: status, JSON body, and when to come again.
package struct IntakeAnswer: Sendable, Hashable {
    /// 202 when every good event is durable, else 400, 413, 415 or 503; never 429, which makes SDKs drop events.
    package var status: Int
    /// A JSON object.
    package var body: [UInt8]
    /// The header `Retry-After`, on 503.
    package var retryAfterSeconds: Int?
    /// Why a request was refused; nil if it was not.
    package var refusal: IntakeRefusal?

    /// Longest list of rejected events in an answer.
    private static let listedRejections = 20

    static func accepted(_ accepted: Int, rejected: [RejectedEvent]) -> IntakeAnswer {
        if rejected.isEmpty {
            // What nearly all are answered, as the values below would be written.
            let body = "{\"success\":true,\"accepted\":\(accepted),\"duplicate\":0,\"rejected\":[]}"
            return IntakeAnswer(status: 202, body: Array(body.utf8))
        }
        let listed = rejected.prefix(listedRejections).map { rejection -> JSONValue in
            ["index": .integer(rejection.index), "code": .string(rejection.code.rawValue)]
        }
        let body: JSONValue = [
            "success": true, "accepted": .integer(accepted), "duplicate": 0, "rejected": .array(listed),
        ]
        return IntakeAnswer(status: 202, body: body.bytes)
    }

    static func refused(_ refusal: IntakeRefusal, _ message: String) -> IntakeAnswer {
        let body: JSONValue = ["status": .integer(refusal.status), "message": .string(message)]
        return IntakeAnswer(status: refusal.status, body: body.bytes, refusal: refusal)
    }

    static func unavailable(_ refusal: IntakeRefusal, retryAfterSeconds: Int) -> IntakeAnswer {
        let body: JSONValue = ["success": false]
        return IntakeAnswer(
            status: refusal.status,
            body: body.bytes,
            retryAfterSeconds: retryAfterSeconds,
            refusal: refusal
        )
    }
}

/// Why a whole request was refused; stable, since metrics hang on it.
package enum IntakeRefusal: String, Sendable, CaseIterable {
    case bodyTooLarge = "body_too_large"
    case decompressedTooLarge = "decompressed_too_large"
    case tooManyValues = "too_many_values"
    case unknownEncoding = "unknown_encoding"
    case badCompression = "bad_compression"
    case notJSON = "not_json"
    case noEvents = "no_events"
    case overloaded
    case storageFull = "storage_full"
    case storageFailed = "storage_failed"
    case notReplicated = "not_replicated"
    case closing

    /// The HTTP status that says so.
    package var status: Int {
        switch self {
        case .bodyTooLarge, .decompressedTooLarge, .tooManyValues: 413
        case .unknownEncoding: 415
        case .badCompression, .notJSON, .noEvents: 400
        case .overloaded, .storageFull, .storageFailed, .notReplicated, .closing: 503
        }
    }
}
