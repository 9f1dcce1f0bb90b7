// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import HTTPTypes
import Hummingbird
import NIOCore

/// How long bodies may be, in bytes as sent.
enum BodyLimit {
    /// Batches of events.
    static let events = 10 << 20
    /// Requests to evaluate, and everything an SDK asks for.
    static let evaluation = 1 << 20
    /// Changes to the project.
    static let control = 1 << 20
}

extension Request {
    /// The body's bytes.
    /// - Throws: `ServerError` with 413 for a body beyond `limit`, before it is read if its length is announced.
    func bytes(upTo limit: Int) async throws -> [UInt8] {
        let error = ServerError(.tooLarge, "The body is larger than \(limit) bytes")
        if let announced = headers[.contentLength] {
            guard let length = Int(announced), length <= limit else { throw error }
        }
        do {
            return Array(buffer: try await body.collect(upTo: limit))
        } catch is NIOTooManyBytesError {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch let broken {
            throw ServerError(.malformed, "The body does not come to its end: \(broken)")
        }
    }

    /// The body of a change to the project as a JSON object, which names nothing twice; one without any byte is empty.
    func changeObject() async throws -> JSONObject {
        let limits = JSONLimits(depth: 64, sizeBytes: BodyLimit.control, refusesDuplicateMembers: true)
        return try await jsonObject(limits)
    }

    /// The body of a question as a JSON object; one without any byte is empty.
    func jsonObject(upTo limit: Int) async throws -> JSONObject {
        try await jsonObject(JSONLimits(depth: 64, sizeBytes: limit, replacesLoneSurrogates: true))
    }

    private func jsonObject(_ limits: JSONLimits) async throws -> JSONObject {
        let bytes = try await bytes(upTo: limits.sizeBytes)
        guard !bytes.isEmpty else { return JSONObject() }
        guard case .object(let object) = try JSONValue(parsing: bytes, limits: limits) else {
            throw ServerError(.malformed, "The body must be a JSON object")
        }
        return object
    }
}
