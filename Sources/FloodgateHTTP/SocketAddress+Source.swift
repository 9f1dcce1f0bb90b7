// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension SocketAddress {
    /// What counts as one source: the address of version 4, the 56 bits that a customer is given of version 6; nil for
    /// what is not of the internet.
    package var source: UInt64? {
        guard `protocol` == .inet || `protocol` == .inet6 else { return nil }
        let isVersion4 = `protocol` == .inet
        return withSockAddr { socketAddress, size in
            let bytes = UnsafeRawBufferPointer(start: socketAddress, count: size)
            // Where <netinet/in.h> puts sin_addr and sin6_addr, on every system.
            if isVersion4 { return UInt64(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))) }
            let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            // One of version 4 that came to a socket of version 6 (RFC 4291 §2.5.5.2).
            if high == 0, low >> 32 == 0xFFFF { return low & 0xFFFF_FFFF }
            return high & ~0xFF | 1 << 63
        }
    }
}
