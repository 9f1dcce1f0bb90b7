// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Tells answers apart, the same on every node and in every version; guards against no one who wants two to be alike.
package enum AnswerChecksum {
    /// 64 bits of `bytes`, in hexadecimal.
    ///
    /// Each eight bytes are mixed in by a multiplication whose halves are folded, which takes a twentieth of the time that
    /// writing the answer does.
    package static func text(of bytes: UnsafeRawBufferPointer) -> String {
        let (odd, seed): (UInt64, UInt64) = (0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93)
        var state = seed ^ UInt64(bytes.count)
        func mix(_ word: UInt64) {
            let product = (state ^ word).multipliedFullWidth(by: odd)
            state = product.high ^ product.low &+ seed
        }
        var position = 0
        while position &+ 8 <= bytes.count {
            mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)))
            position &+= 8
        }
        var last: UInt64 = 0
        for byte in bytes[position...].reversed() { last = last << 8 | UInt64(byte) }
        mix(last)
        mix(odd)
        return String(state, radix: 16)
    }
}
