// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateZlib

/// Whole messages in gzip format (RFC 1952).
package enum Gzip {
    /// Added to the window size, it asks zlib for gzip's header and trailer.
    private static let gzipWindow: Int32 = 15 + 16
    /// Added to the window size, it lets zlib tell gzip from its own format (RFC 1950) by the header.
    private static let eitherWindow: Int32 = 15 + 32

    /// Compresses `bytes` to one gzip member without name or time, so that equal input gives equal output.
    ///
    /// - Parameters:
    ///   - bytes: What to compress.
    ///   - level: From 1, fast, to 9, small; anything else is taken as 6.
    /// - Returns: The gzip member.
    /// - Throws: `GzipError` with code `outOfMemory`.
    package static func compress(_ bytes: [UInt8], level: Int = 6) throws(GzipError) -> [UInt8] {
        let stream = try ZlibStream(compressing: 1...9 ~= level ? Int32(level) : 6, window: gzipWindow)
        return try stream.run(bytes, limit: .max) { _ in true }
    }

    /// Decompresses gzip data of one or more members, or one zlib stream; which of them is found out.
    ///
    /// - Parameters:
    ///   - bytes: Compressed data and nothing else.
    ///   - limit: How many bytes the result may have; memory stays within about twice that.
    ///   - mayGrow: Asked before so many bytes more are kept; if it says no there is no memory.
    /// - Returns: The content, of all members in order.
    /// - Throws: `GzipError`; whatever was decompressed until then is dropped.
    package static func decompress(
        _ bytes: [UInt8],
        limit: Int,
        mayGrow: (Int) -> Bool = { _ in true }
    ) throws(GzipError) -> [UInt8] {
        let stream = try ZlibStream(decompressing: eitherWindow)
        return try stream.run(bytes, limit: max(0, limit), mayGrow: mayGrow)
    }
}
