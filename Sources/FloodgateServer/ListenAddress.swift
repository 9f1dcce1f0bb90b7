// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Where a server listens: `HOST:PORT`, with an IPv6 address in brackets.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A name or address, without brackets.
    package var host: String
    /// From 0, which lets the system choose, to 65535.
    package var port: Int

    /// Makes an address.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`, `[IPV6]:PORT` or `:PORT`, which is every address of the machine.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = String(host.dropFirst().dropLast())
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard host.allSatisfy({ !$0.isWhitespace && $0 != "/" }) else { return nil }
        self.host = host.isEmpty ? "0.0.0.0" : host
        self.port = Int(port)
    }

    /// Whether only programs on the same machine can reach it.
    package var isLoopback: Bool { LoopbackName.isLoopback(host: host) }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Where a program on the same machine reaches it.
    package var localURL: String {
        let isEvery = host == "0.0.0.0" || host == "::"
        return "http://\(isEvery ? ListenAddress(host: "127.0.0.1", port: port) : self)"
    }
}
