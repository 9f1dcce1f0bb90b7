// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateDeflate
package import FloodgateGzip

extension BodyBuffer {
    /// No deflate data becomes more than so many times its size.
    private static let largestRatio = 1032

    /// Makes what gzip or zlib data unpacks to the body, as `Gzip.decompress` would.
    ///
    /// One gzip member that tells its true size, which is what clients send, is unpacked in one go; the rest goes through zlib.
    /// - Parameters:
    ///   - bytes: Compressed data and nothing else.
    ///   - limit: How many bytes the body may have.
    ///   - mayGrow: Asked before so many bytes more are kept; if it says no there is no memory.
    /// - Throws: `GzipError`; then the body is empty.
    package func fill(
        gunzipping bytes: [UInt8],
        limit: Int,
        mayGrow: (Int) -> Bool = { _ in true }
    ) throws(GzipError) {
        var granted = 0
        if let size = Self.statedSize(of: bytes), size <= limit {
            guard mayGrow(size) else { throw Self.noRoom }
            granted = size
            if gunzip(bytes, size) { return }
        }
        fill([])
        let plain = try Gzip.decompress(bytes, limit: limit) { size in
            // What was granted for the first attempt is there still.
            let extra = max(0, size - granted)
            granted -= size - extra
            return extra == 0 || mayGrow(extra)
        }
        fill(plain)
    }

    /// The size that the end of gzip data gives for its last member, if that is believable.
    static func statedSize(of bytes: [UInt8]) -> Int? {
        guard bytes.count >= 18, bytes[0] == 0x1F, bytes[1] == 0x8B else { return nil }
        let size = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        return size > 0 && size / largestRatio <= bytes.count ? size : nil
    }

    /// Unpacks one member of exactly that size; false if it is anything else.
    private func gunzip(_ bytes: [UInt8], _ size: Int) -> Bool {
        guard let decompressor else { return false }
        var (consumed, produced) = (0, 0)
        var result = LIBDEFLATE_BAD_DATA
        fill(atMost: size) { target in
            result = libdeflate_gzip_decompress_ex(
                decompressor,
                bytes,
                bytes.count,
                target,
                size,
                &consumed,
                &produced
            )
            return result == LIBDEFLATE_SUCCESS ? produced : 0
        }
        return result == LIBDEFLATE_SUCCESS && consumed == bytes.count && produced == size
    }

    private static var noRoom: GzipError { GzipError(.outOfMemory, "there is no room for the result") }
}
