// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Tells answers apart, the same on every node and in every version; guards against no one who wants two to be alike.
package enum AnswerChecksum {
    private static let odd: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// 64 bits of `bytes`, in hexadecimal.
    ///
    /// Four sums side by side, as a multiplication takes a few cycles and four take no longer; each eight bytes are mixed in
    /// by one whose halves are folded.
    package static func text(of bytes: UnsafeRawBufferPointer) -> String {
        var sums: (UInt64, UInt64, UInt64, UInt64) = (
            0xD6E8_FEB8_6659_FD93 ^ UInt64(bytes.count), 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB,
            0x8EBC_6AF0_9C88_C6E3
        )
        var position = 0
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position &+ offset, as: UInt64.self))
        }
        while position &+ 32 <= bytes.count {
            sums.0 = mix(sums.0, word(0))
            sums.1 = mix(sums.1, word(8))
            sums.2 = mix(sums.2, word(16))
            sums.3 = mix(sums.3, word(24))
            position &+= 32
        }
        while position &+ 8 <= bytes.count {
            sums.0 = mix(sums.0, word(0))
            position &+= 8
        }
        var last: UInt64 = 0
        for byte in bytes[position...].reversed() { last = last << 8 | UInt64(byte) }
        var sum = mix(sums.0, last)
        for other in [sums.1, sums.2, sums.3] { sum = mix(sum, other) }
        return String(sum, radix: 16)
    }

    @inline(__always)
    private static func mix(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        let product = (sum ^ word).multipliedFullWidth(by: odd)
        return (product.high ^ product.low) &+ odd
    }
}
