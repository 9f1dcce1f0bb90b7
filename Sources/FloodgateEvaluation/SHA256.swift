// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateSHA256

/// SHA-256 (FIPS 180-4) of short texts, by the CPU's instructions where it has them.
public enum SHA256 {
    /// The 32 bytes of the digest.
    public static func digest(of bytes: some Sequence<UInt8>) -> [UInt8] {
        let message = Array(bytes)
        return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            message.withUnsafeBufferPointer { message in
                var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
                withUnsafeMutableBytes(of: &digest) { digest in
                    digest.withMemoryRebound(to: UInt8.self) { digest in
                        floodgate_sha256(message.baseAddress, message.count, digest.baseAddress)
                        _ = buffer.initialize(from: digest)
                    }
                }
            }
            count = 32
        }
    }

    /// Standard base64 of the digest of `text`, with padding.
    public static func base64(of text: String) -> String { Base64.encode(digest(of: text.utf8)) }

    /// The first `prefix` characters of the standard base64 of the digest of `text`.
    public static func base64(of text: String, prefix: Int) -> String { String(base64(of: text).prefix(prefix)) }

    /// The first eight bytes of the digest of `first` followed by `second`, read as a big-endian number.
    @inline(__always)
    static func prefix(_ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>) -> UInt64 {
        floodgate_sha256_prefix2(first.baseAddress, first.count, second.baseAddress, second.count)
    }
}

enum Base64 {
    static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// `bytes` in standard base64 (RFC 4648 §4), with padding.
    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for byte in group { bits = bits << 8 | UInt32(byte) }
            bits <<= UInt32(8 * (3 - group.count))
            for index in 0..<4 {
                let isPadding = index > group.count
                let digit = Int(bits >> UInt32(18 - 6 * index)) & 63
                output.append(isPadding ? UInt8(ascii: "=") : alphabet.utf8Start[digit])
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
