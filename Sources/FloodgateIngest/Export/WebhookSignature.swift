// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateSHA256

/// How posts to a webhook are signed: the receiver computes the same of what it got, and compares.
package enum WebhookSignature {
    /// `v0=` and the HMAC-SHA256 of `v0:TIMESTAMP:BODY` in hexadecimal digits.
    ///
    /// - Parameters:
    ///   - body: What is posted.
    ///   - timestamp: When it is posted, in Unix milliseconds, as the header next to the signature says.
    ///   - secret: What the receiver and this server know.
    /// - Returns: The value of `X-Statsig-Signature`.
    package static func of(_ body: [UInt8], at timestamp: Int64, secret: String) -> String {
        let code = hmac(Array("v0:\(timestamp):".utf8) + body, key: Array(secret.utf8))
        let digits = Array("0123456789abcdef")
        return "v0=" + String(code.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// HMAC-SHA256 (RFC 2104; vectors of RFC 4231).
    package static func hmac(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        let blockSize = 64
        let short = key.count > blockSize ? digest(key) : key
        let padded = short + [UInt8](repeating: 0, count: blockSize - short.count)
        return digest(padded.map { $0 ^ 0x5C } + digest(padded.map { $0 ^ 0x36 } + message))
    }

    private static func digest(_ message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            floodgate_sha256(message, message.count, start)
            count = 32
        }
    }
}
