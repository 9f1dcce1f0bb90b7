// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateZstd

/// Why bytes could not be compressed or decompressed.
package struct ZstdError: Error, Hashable, Sendable {
    /// Stable: statuses and metrics hang on it.
    package enum Code: String, Sendable {
        /// The input ends before its compressed data does.
        case truncated
        /// The input is not zstd data, or needs a larger window than allowed.
        case corrupt
        /// The output would be longer than the limit.
        case tooLarge
        /// The library had no memory.
        case outOfMemory
    }

    /// What kind of failure it is.
    package var code: Code
    /// What was found.
    package var message: String
}

/// Whole messages in zstd format (RFC 8878).
package enum Zstd {
    /// Windows up to 8 MiB, as RFC 8878 asks every decoder to take; larger ones are refused, whatever a frame says.
    private static let largestWindowLog: Int32 = 23
    private static let chunkSize = 1 << 17

    /// Compresses `bytes` into one frame, which ends with a checksum of them; level 3 is the library's own choice for speed.
    ///
    /// What was changed on a disk since does not decompress to something else then, but not at all.
    package static func compress(_ bytes: [UInt8], level: Int32 = 3) throws(ZstdError) -> [UInt8] {
        guard let context = ZSTD_createCCtx() else {
            throw ZstdError(code: .outOfMemory, message: "zstd has no memory")
        }
        defer { ZSTD_freeCCtx(context) }
        for (parameter, value) in [(ZSTD_c_compressionLevel, level), (ZSTD_c_checksumFlag, 1)] {
            let status = ZSTD_CCtx_setParameter(context, parameter, value)
            guard ZSTD_isError(status) == 0 else { throw failure(status) }
        }
        var status = 0
        let output = [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { buffer, count in
            status = ZSTD_compress2(context, buffer.baseAddress, buffer.count, bytes, bytes.count)
            count = ZSTD_isError(status) == 0 ? status : 0
        }
        guard ZSTD_isError(status) == 0 else { throw failure(status) }
        return output
    }

    /// Decompresses one or more frames, trusting none of the sizes that they state.
    ///
    /// - Parameters:
    ///   - bytes: Compressed data and nothing else.
    ///   - limit: How many bytes the result may have.
    ///   - mayGrow: Asked before so many bytes more are kept; if it says no there is no memory.
    /// - Returns: The content, of all frames in order.
    /// - Throws: `ZstdError`; whatever was decompressed until then is dropped.
    package static func decompress(
        _ bytes: [UInt8],
        limit: Int,
        mayGrow: (Int) -> Bool = { _ in true }
    ) throws(ZstdError) -> [UInt8] {
        guard let context = ZSTD_createDCtx() else {
            throw ZstdError(code: .outOfMemory, message: "zstd has no memory")
        }
        defer { ZSTD_freeDCtx(context) }
        let status = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, largestWindowLog)
        guard ZSTD_isError(status) == 0 else { throw failure(status) }

        var output: [UInt8] = []
        let chunk = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: chunkSize)
        defer { chunk.deallocate() }
        let failure: ZstdError? = bytes.withUnsafeBytes { input in
            var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
            while true {
                var target = ZSTD_outBuffer(dst: chunk.baseAddress, size: chunk.count, pos: 0)
                let consumed = source.pos
                // What is still missing of the frame; 0 at its end.
                let missing = ZSTD_decompressStream(context, &target, &source)
                if ZSTD_isError(missing) != 0 { return Self.failure(missing) }
                guard target.pos <= limit - output.count else {
                    return ZstdError(code: .tooLarge, message: "decompressed data is longer than \(limit) bytes")
                }
                guard mayGrow(target.pos) else {
                    return ZstdError(code: .outOfMemory, message: "there is no room for the result")
                }
                output.append(contentsOf: chunk[..<target.pos])
                if source.pos == source.size {
                    if missing == 0 { return nil }
                    if target.pos < target.size {
                        return ZstdError(code: .truncated, message: "compressed data ends before it is complete")
                    }
                } else if source.pos == consumed, target.pos == 0 {
                    return ZstdError(code: .corrupt, message: "zstd makes no progress at byte \(consumed)")
                }
            }
        }
        if let failure { throw failure }
        return output
    }

    private static func failure(_ status: Int) -> ZstdError {
        let name = ZSTD_getErrorName(status).map { String(cString: $0) } ?? "unknown error"
        let isMemory = ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation
        return ZstdError(code: isMemory ? .outOfMemory : .corrupt, message: "zstd: \(name)")
    }
}
