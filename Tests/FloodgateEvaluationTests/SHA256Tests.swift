// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import CFloodgateSHA256
import Testing

@Suite struct SHA256Tests {
    /// Digests by Python's hashlib of the first `length` bytes of 3, 10, 17, … (each 7 more, modulo 256).
    private static let vectors: [(length: Int, digest: String)] = [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "084fed08b978af4d7d196a7446a86b58009e636b611db16211b65a9aadff29c5"),
        (55, "e7313d333c272e639f790978283f9eb392e843d0f29b7016828bb1daa4aac70b"),
        (56, "4324d65f3c103567f5589c710bc08f8523f929a9272e3af36fc968e52abc6c27"),
        (63, "81c80242132f230c3bd41b3e63bbcff16107339549214a99614ff26664625055"),
        (64, "39e3d7b6b5d075d37d053ad89b24b41bef4f3c29760c84447cab3f3be1882241"),
        (65, "aacca6ff74fdbb296d165a45cecfa04e5127bc008770fbbdd48006f2d2fae95e"),
        (119, "9ce7368e4daf32341631b492e80359dc9f594b48453cd0dd5bf0b19279cc177e"),
        (120, "7836b787757e95e58b3ca5aec90b1b004e8deba1e50e9675af9cabf1a13a04b5"),
        (200, "2c7e18c942ef065b526a2d4e5546283749cd3ddfb51d8fc71f42717363685f46"),
        (1000, "1e9bc38cbf860b9ec31918b065f9b52476c549a782e0e7990bed8ce3868d2371"),
    ]

    private static let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func digest(_ message: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        floodgate_sha256(message, message.count, &digest)
        return digest
    }

    private func portableDigest(_ message: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        floodgate_sha256_portable(message, message.count, &digest)
        return digest
    }

    @Test(arguments: vectors) func `agrees with another implementation`(length: Int, expected: String) {
        let message = Array(Self.bytes[..<length])
        #expect(hex(digest(message)) == expected)
        #expect(hex(portableDigest(message)) == expected)
        #expect(floodgate_sha256_prefix(message, length) == UInt64(expected.prefix(16), radix: 16))
    }

    @Test func `fast and portable code agree at every length`() {
        if floodgate_sha256_is_accelerated() == 0 { print("Not compared: this processor has no SHA instructions.") }
        for length in 0...Self.bytes.count {
            let message = Array(Self.bytes[..<length])
            #expect(digest(message) == portableDigest(message), "\(length) bytes")
        }
    }

    @Test func `a message in two pieces hashes as the whole, wherever it is cut`() {
        for length in [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 200, 1000] {
            let whole = floodgate_sha256_prefix(Array(Self.bytes[..<length]), length)
            for cut in 0...length {
                let (left, right) = (Array(Self.bytes[..<cut]), Array(Self.bytes[cut..<length]))
                #expect(floodgate_sha256_prefix2(left, cut, right, right.count) == whole, "\(length) cut at \(cut)")
            }
        }
    }

    @Test func `a missing pointer is an empty piece`() {
        let empty: UInt64 = 0xe3b0_c442_98fc_1c14
        #expect(floodgate_sha256_prefix(nil, 0) == empty)
        #expect(floodgate_sha256_prefix2(nil, 0, nil, 0) == empty)
        #expect(floodgate_sha256_prefix2(nil, 0, Self.bytes, 200) == floodgate_sha256_prefix(Self.bytes, 200))
        #expect(floodgate_sha256_prefix2(Self.bytes, 200, nil, 0) == floodgate_sha256_prefix(Self.bytes, 200))
    }

    @Test func `buckets are those of the reference`() {
        let expected: [(String, String, UInt64)] = [
            ("ss.rs.", "u1", 13_015_287_576_730_565_744), ("ss.rs.", "", 9_268_772_117_983_012_023),
            ("bs.", "u1", 1_711_434_203_092_217_968), ("salt.rule.", "véronique", 10_904_151_428_322_930_627),
            ("a.b.", "42", 11_739_120_936_688_091_649), (".", "", 14_822_734_141_671_984_234),
        ]
        for (salt, unit, number) in expected {
            #expect(
                floodgate_sha256_prefix2(Array(salt.utf8), salt.utf8.count, Array(unit.utf8), unit.utf8.count) == number
            )
        }
    }
}
