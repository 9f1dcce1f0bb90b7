// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateIngest

/// Where the brokers are and how batches lie there: `nats://user:password@host:4222,host:4222?replicas=3&partitions=64`.
///
/// The host's port is 4222 unless it is given; user and password are percent-encoded. What may follow the question mark:
///
/// | parameter | default | what it is |
/// | --- | --- | --- |
/// | `replicas` | 3 | copies of each batch, 1 to 5; 3 and 5 bear the loss of one and two brokers |
/// | `partitions` | 64 | streams, 1 to 1000; the same at every node, and not to be lowered while batches are on their way |
/// | `size` | 64GiB | the most that all partitions hold together; then acceptance stops until some of it is loaded |
/// | `prefix` | ev | what the names of streams and subjects begin with: letters, digits, `-` and `_` |
/// | `window` | 900 | seconds for which the brokers know a batch that is sent again |
/// | `hold` | 300 | seconds after which a batch that its loader has not been heard about is given to another one |
/// | `tls` | false | whether the connection is encrypted; `true` for `tls://` |
/// | `ca`, `cert`, `key` | | files: trusted certificates, the own certificate chain, its key |
/// | `creds` | | file with a user's token and seed, in place of a password |
package struct NATSAddress: Sendable, Hashable {
    /// Brokers as `host:port`.
    package var servers: [String]
    /// The user's name; nil for none.
    package var user: String?
    /// The user's password.
    package var password: String?
    /// Copies of each batch.
    package var replicas: Int64 = 3
    /// How many streams there are.
    package var partitions = 64
    /// Bytes that all partitions hold together.
    package var sizeBytes: Int64 = 64 << 30
    /// What names begin with.
    package var prefix = "ev"
    /// Seconds for which an id is remembered.
    package var windowSeconds: Int64 = 900
    /// Seconds after which a batch is handed out again.
    package var holdSeconds: Int64 = 300
    /// Whether the connection is encrypted.
    package var isEncrypted = false
    /// File with trusted certificates.
    package var trusted: String?
    /// File with the own certificate chain.
    package var certificate: String?
    /// File with the key of `certificate`.
    package var key: String?
    /// File with a token and a seed.
    package var credentials: String?

    /// Reads an address.
    /// - Throws: `.misconfigured`, naming what does not read; never with the password.
    package init(_ text: String) throws(TransportError) {
        let scheme = text.prefix { $0 != ":" }
        guard ["nats", "tls"].contains(scheme), text.dropFirst(scheme.count).hasPrefix("://") else {
            throw Self.failure("the address of a broker begins with nats:// or tls://")
        }
        isEncrypted = scheme == "tls"
        let halves = text.dropFirst(scheme.count + 3).split(separator: "?", maxSplits: 1)
        var place = halves.first ?? ""
        if let at = place.lastIndex(of: "@") {
            let who = place[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = try Self.decoded(who[0], of: "the user")
            password = who.count == 2 ? try Self.decoded(who[1], of: "the password") : nil
            place = place[place.index(after: at)...]
        }
        if place.hasSuffix("/") { place.removeLast() }
        servers = []
        for host in place.split(separator: ",", omittingEmptySubsequences: false) {
            servers.append(try Self.server(host))
        }
        for parameter in (halves.count == 2 ? halves[1] : "").split(separator: "&") {
            let parts = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            try set(name, try Self.decoded(parts.count == 2 ? parts[1] : "", of: "'\(name)'"))
        }
        guard (certificate == nil) == (key == nil) else {
            throw Self.failure("'cert' and 'key' come together; give both or none")
        }
    }

    private mutating func set(_ name: String, _ value: String) throws(TransportError) {
        switch name {
        case "replicas": replicas = try Self.number(value, in: 1...5, of: name)
        case "partitions": partitions = Int(try Self.number(value, in: 1...1_000, of: name))
        case "size": sizeBytes = try Self.size(value)
        case "window": windowSeconds = try Self.number(value, in: 1...86_400, of: name)
        case "hold": holdSeconds = try Self.number(value, in: 1...3_600, of: name)
        case "prefix":
            guard TransportEnvelope.isNode(value) else {
                throw Self.failure("'prefix' is 1 to 64 letters, digits, '-' and '_'")
            }
            prefix = value
        case "tls":
            guard ["true", "false"].contains(value) else { throw Self.failure("'tls' is true or false") }
            isEncrypted = value == "true"
        case "ca": trusted = value
        case "cert": certificate = value
        case "key": key = value
        case "creds": credentials = value
        default: throw Self.failure("there is no parameter '\(name)'")
        }
    }

    private static func server(_ text: Substring) throws(TransportError) -> String {
        // A colon inside brackets is a part of the host.
        let rest = text.lastIndex(of: "]").map { text[$0...].dropFirst() } ?? text
        guard let colon = rest.lastIndex(of: ":") else {
            guard !text.isEmpty, rest.isEmpty || rest.count == text.count else {
                throw failure("'\(text)' is no host; write host or host:port, with commas between them")
            }
            return text + ":4222"
        }
        guard colon > text.startIndex, UInt16(text[text.index(after: colon)...]) != nil else {
            throw failure("'\(text)' is no host and port")
        }
        return String(text)
    }

    private static func number(
        _ text: String,
        in range: ClosedRange<Int64>,
        of name: String
    ) throws(TransportError) -> Int64 {
        guard let number = Int64(text), range ~= number else {
            throw failure("'\(name)' is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func size(_ text: String) throws(TransportError) -> Int64 {
        for (unit, shift) in [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)] as [(String, Int64)]
        where text.hasSuffix(unit) {
            guard let number = Int64(text.dropLast(3)), 1...(Int64(1) << (60 - shift)) ~= number else { break }
            return number << shift
        }
        throw failure("'size' is a number with KiB, MiB, GiB or TiB behind it")
    }

    private static func decoded(_ text: Substring, of what: String) throws(TransportError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(rest.prefix(2)), digits.count == 2, let value = UInt8(digits, radix: 16) else {
                throw failure("\(what) has a '%' without two hexadecimal digits behind it")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self), !decoded.utf8.contains(0) else {
            throw failure("\(what) is no text")
        }
        return decoded
    }

    private static func failure(_ message: String) -> TransportError {
        TransportError(.misconfigured, "The address of the event transport does not read: \(message)")
    }
}
