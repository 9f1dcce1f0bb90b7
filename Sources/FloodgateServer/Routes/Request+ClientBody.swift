// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateGzip
import FloodgateHTTP
import FloodgateJSON
import HTTPTypes
import Hummingbird

extension Request {
    /// The body, which browsers may send as reversed base64 (`se=1`), compressed (`gz=1`), or first the one and then the
    /// other; `unpacked` says how much may be unpacked at a time.
    func clientBody(_ unpacked: ByteBudget) async throws -> JSONObject {
        let bytes = try await bytes(upTo: BodyLimit.evaluation)
        let query = uri.queryParameters
        let isReversed = query.get("se") == "1"
        let encoding = headers[.contentEncoding]?.lowercased()
        if encoding == "gzip" || query.get("gz") == "1" || bytes.starts(with: [0x1F, 0x8B]) {
            let lease = unpacked.lease()
            return try withExtendedLifetime(lease) {
                try Self.object(Self.plain(Self.unpacked(bytes, lease), isReversed: isReversed))
            }
        } else if let encoding, encoding != "identity" {
            throw ServerError(
                .unsupportedEncoding,
                "Send the body plain or with gzip",
                headers: [.acceptEncoding: "gzip"]
            )
        }
        return try Self.object(Self.plain(bytes, isReversed: isReversed))
    }

    private static func plain(_ bytes: [UInt8], isReversed: Bool) throws -> [UInt8] {
        guard isReversed else { return bytes }
        guard let decoded = Base64.decode(bytes.reversed()) else {
            throw ServerError(.malformed, "The body is not base64 written backwards, as se=1 says")
        }
        return decoded
    }

    /// The body in plain JSON; one without any byte is empty.
    static func object(_ bytes: [UInt8]) throws -> JSONObject {
        guard !bytes.isEmpty else { return JSONObject() }
        let limits = JSONLimits(depth: 64, sizeBytes: 32 << 20, replacesLoneSurrogates: true)
        guard case .object(let object) = try JSONValue(parsing: bytes, limits: limits) else {
            throw ServerError(.malformed, "The body must be a JSON object")
        }
        return object
    }

    private static func unpacked(_ bytes: [UInt8], _ lease: ByteBudget.Lease) throws -> [UInt8] {
        let limit = min(8 << 20, max(1 << 20, 100 * bytes.count))
        do { return try Gzip.decompress(bytes, limit: limit, mayGrow: { lease.take($0) }) } catch {
            switch error.code {
            case .tooLarge: throw ServerError(.tooLarge, "The body unpacks to more than this route takes")
            case .outOfMemory:
                throw ServerError(
                    .unavailable,
                    "There is no memory to unpack the body with; try again",
                    headers: [.retryAfter: "1"]
                )
            default: throw ServerError(.malformed, "The body is not gzip data: \(error.message)")
            }
        }
    }
}
