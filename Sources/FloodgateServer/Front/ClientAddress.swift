// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import HTTPTypes
import NIOCore

/// Where a request really comes from, when trusted proxies stand in between.
struct ClientAddress: Sendable, Hashable {
    /// The address in 16 bytes; one of version 4 as RFC 4291 §2.5.5.2 maps it.
    let high: UInt64
    let low: UInt64

    /// Reads an address without a port; nil if it is none.
    init?(_ text: some StringProtocol) {
        var text = text[...]
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            text = text[text.index(after: text.startIndex)..<end]
        }
        guard let address = try? SocketAddress(ipAddress: String(text), port: 0) else { return nil }
        self.init(address)
    }

    /// The address of a socket; nil for one that is not of the internet.
    init?(_ address: SocketAddress?) {
        guard let address else { return nil }
        let isVersion4 = address.protocol == .inet
        guard isVersion4 || address.protocol == .inet6 else { return nil }
        (high, low) = address.withSockAddr { socketAddress, size in
            let bytes = UnsafeRawBufferPointer(start: socketAddress, count: size)
            // Where <netinet/in.h> puts sin_addr and sin6_addr, on every system.
            if isVersion4 {
                let number = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
                return (0, 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: number)))
            }
            return (
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            )
        }
    }

    var isVersion4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The address of the network that it is in: 24 bits of version 4, 48 of version 6.
    var network: ClientAddress {
        isVersion4 ? ClientAddress(high: high, low: low & ~0xFF) : ClientAddress(high: high & ~0xFFFF, low: 0)
    }

    /// As RFC 5952 has it; without the colons of a mapped address.
    var text: String {
        if isVersion4 { return (0..<4).map { String(low >> (24 - 8 * UInt64($0)) & 0xFF) }.joined(separator: ".") }
        let groups = [high, low].flatMap { half in (0..<4).map { UInt16(truncatingIfNeeded: half >> (48 - 16 * $0)) } }
        // The longest run of zeros, the first of several, is left out; one zero alone is not.
        var gap = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start > max(gap.count, 1) { gap = start..<index }
            start = index + 1
        }
        func text(_ groups: ArraySlice<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        return gap.isEmpty
            ? text(groups[...]) : text(groups[..<gap.lowerBound]) + "::" + text(groups[gap.upperBound...])
    }

    private init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    /// What counts as one source: the address of version 4, the 56 bits that a customer is given of version 6.
    var source: UInt64 { isVersion4 ? low : high & ~0xFF | 1 << 63 }
}

/// A range of addresses, as `10.0.0.0/8`.
package struct AddressRange: Sendable, Hashable {
    private let base: ClientAddress
    private let bits: Int

    /// Reads a range, or one address; nil if `text` is neither.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let base = ClientAddress(first), parts.count <= 2 else { return nil }
        let most = base.isVersion4 ? 32 : 128
        var bits = most
        if parts.count == 2 {
            guard let given = Int(parts[1]), 0...most ~= given else { return nil }
            bits = given
        }
        self.base = base
        self.bits = base.isVersion4 ? bits + 96 : bits
    }

    func contains(_ address: ClientAddress) -> Bool {
        let high = bits >= 64 ? UInt64.max : bits == 0 ? 0 : UInt64.max << (64 - bits)
        let low = bits <= 64 ? 0 : bits == 128 ? UInt64.max : UInt64.max << (128 - bits)
        return (address.high ^ base.high) & high == 0 && (address.low ^ base.low) & low == 0
    }
}

extension RequestHead {
    /// The address that counts.
    func clientAddress(from peer: Peer, trusting trusted: [AddressRange]) -> ClientAddress? {
        .counting(peer, trusting: trusted, forwardedFor: all("x-forwarded-for"), forwarded: all("forwarded"))
    }
}

extension HTTPRequest {
    /// The address that counts.
    func clientAddress(from peer: Peer, trusting trusted: [AddressRange]) -> ClientAddress? {
        func all(_ name: String) -> [String] { HTTPField.Name(name).map { headerFields[values: $0] } ?? [] }
        return .counting(
            peer,
            trusting: trusted,
            forwardedFor: all("x-forwarded-for"),
            forwarded: all("forwarded")
        )
    }
}

extension ClientAddress {
    /// The socket's, unless that is a trusted proxy's; then the right-most of `X-Forwarded-For` (or, without one, of
    /// `Forwarded`) that is not.
    fileprivate static func counting(
        _ peer: Peer,
        trusting trusted: [AddressRange],
        forwardedFor: @autoclosure () -> [String],
        forwarded: @autoclosure () -> [String]
    ) -> ClientAddress? {
        guard let socket = ClientAddress(peer.address) else { return nil }
        guard !trusted.isEmpty, trusted.contains(where: { $0.contains(socket) }) else { return socket }
        var address = socket
        var claims = forwardedFor().flatMap { $0.split(separator: ",") }
        if claims.isEmpty {
            claims = forwarded().flatMap { $0.split(separator: ",") }.compactMap { element in
                element.split(separator: ";").map { $0.drop { $0 == " " || $0 == "\t" } }
                    .first { $0.lowercased().hasPrefix("for=") }
                    .map { $0.dropFirst(4).filter { $0 != "\"" }[...] }
            }
        }
        for claim in claims.reversed() {
            // What a trusted proxy could not read, nobody vouches for.
            guard let claimed = ClientAddress(withoutPort(claim)) else { return address }
            address = claimed
            guard trusted.contains(where: { $0.contains(claimed) }) else { return claimed }
        }
        return address
    }

    private static func withoutPort(_ claim: Substring) -> Substring {
        let text = claim.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
        if text.hasPrefix("[") { return text }
        let colons = text.filter { $0 == ":" }.count
        guard colons == 1, let colon = text.firstIndex(of: ":") else { return text }
        return text[..<colon]
    }
}
