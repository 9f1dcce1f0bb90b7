// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateGzip

/// Finds out how a body is compressed and undoes it within a limit.
struct IntakeDecompression {
    struct Failure: Error {
        var refusal: IntakeRefusal
        var message: String
    }

    /// How a body was compressed.
    enum Encoding {
        case identity, gzip, zstd
    }

    var limit: Int

    func plain(_ request: IntakeRequest) throws(Failure) -> [UInt8] {
        let body = BodyBuffer()
        _ = try unpack(request, into: body)
        return body.bytes
    }

    /// Makes the unpacked body the content of `body`, and says how it was compressed.
    func unpack(_ request: IntakeRequest, into body: BodyBuffer) throws(Failure) -> Encoding {
        let limit = request.isFromEdge ? limit : min(limit, max(1 << 20, 100 * request.body.count))
        let encoding = try encoding(of: request)
        switch encoding {
        case .identity: body.fill(request.body)
        case .gzip:
            do { try body.fill(gunzipping: request.body, limit: limit, mayGrow: request.mayUnpack) } catch {
                switch error.code {
                case .tooLarge: throw tooLarge
                case .outOfMemory: throw noRoom
                case .truncated, .corrupt, .trailingData: throw bad("gzip", error.message)
                }
            }
        case .zstd:
            do {
                body.fill(try Zstd.decompress(request.body, limit: limit, mayGrow: request.mayUnpack))
            } catch {
                switch error.code {
                case .tooLarge: throw tooLarge
                case .outOfMemory: throw noRoom
                case .truncated, .corrupt: throw bad("zstd", error.message)
                }
            }
        }
        return encoding
    }

    /// The header counts; without one the first bytes do, since JSON begins like neither format.
    private func encoding(of request: IntakeRequest) throws(Failure) -> Encoding {
        // What nearly all send needs no look at each character.
        if request.contentEncoding == "gzip" { return .gzip }
        switch Self.trimmed(request.contentEncoding ?? "") {
        case "gzip", "x-gzip": return .gzip
        case "zstd": return .zstd
        case "", "identity":
            if request.body.starts(with: LoggedBatch.gzipMagic) { return .gzip }
            if request.body.starts(with: LoggedBatch.zstdMagic) { return .zstd }
            // A body that says gz=1 and is plain JSON was unpacked on its way here.
            return .identity
        default:
            throw Failure(
                refusal: .unknownEncoding,
                message: "This content encoding is not supported; send gzip, zstd or identity"
            )
        }
    }

    private var tooLarge: Failure {
        Failure(
            refusal: .decompressedTooLarge,
            message: "The body has more than \(limit) bytes when decompressed; send fewer events at a time"
        )
    }

    /// Nothing is wrong with the body: it is to be sent again, not dropped.
    private var noRoom: Failure { Failure(refusal: .overloaded, message: "There is no memory to unpack the body with") }

    private func bad(_ format: String, _ message: String) -> Failure {
        Failure(refusal: .badCompression, message: "The body is not valid \(format): \(message)")
    }

    private static func trimmed(_ text: String) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let start = text.drop(while: isBlank)
        return String(start.reversed().drop(while: isBlank).reversed()).lowercased()
    }
}
