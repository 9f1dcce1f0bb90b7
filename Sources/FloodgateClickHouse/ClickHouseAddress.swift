// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateWarehouse

/// Where a ClickHouse server or cluster is, and as whom to speak to it.
///
/// Written `clickhouse://user:password@host:port,host2:port/database?cluster=NAME`; everything but one host may be left out.
package struct ClickHouseAddress: Sendable, Hashable {
    /// One server of the cluster.
    package struct Host: Sendable, Hashable {
        /// A name, an IPv4 address, or an IPv6 address in brackets.
        package var name: String
        /// Of the HTTP interface.
        package var port: Int
    }

    /// Who asks.
    package struct User: Sendable, Hashable {
        package var name: String
        package var password: String
    }

    /// Who is asked, in turn until one answers; several only of a cluster.
    package var hosts: [Host]
    /// Who makes tables, loads and removes.
    package var user: User
    /// Who asks questions; nil if the same.
    package var reader: User?
    /// Where the tables are.
    package var database: String
    /// The cluster in the server's configuration whose shards and replicas have the tables; nil is a single server.
    package var cluster: String?
    /// How many replicas must have a block before it counts as loaded; 0 leaves that to replication.
    package var quorum: Int
    /// Whether to speak TLS.
    package var isSecure: Bool

    /// Reads an address.
    /// - Throws: `.failed` with a message that says what to write instead; it never repeats a password.
    package init(_ text: String) throws(WarehouseError) {
        let scheme = "clickhouse://"
        guard text.hasPrefix(scheme) else { throw Self.error("begins with \(scheme)") }
        let (address, query) = Self.cut(text.dropFirst(scheme.count), at: "?")
        let (authority, path) = Self.cut(address, at: "/")
        let options = try Self.options(query ?? "")

        isSecure = options["tls"] == "true"
        cluster = options["cluster"]
        reader = try options["reader"].map { value throws(WarehouseError) in try Self.user(value[...], "reader") }
        guard let quorum = Int(options["quorum"] ?? "0"), (0...64).contains(quorum), quorum == 0 || cluster != nil
        else {
            throw Self.error("has a quorum from 0 to 64, and only with a cluster")
        }
        self.quorum = quorum

        database = path.map(String.init) ?? ""
        if database.isEmpty { database = "floodgate" }
        guard Self.isIdentifier(database) else {
            throw Self.error("names a database of letters, digits and _, and does not begin with a digit")
        }
        if let cluster, !cluster.utf8.allSatisfy({ Self.isWord($0) || $0 == 0x2D || $0 == 0x2E }) || cluster.isEmpty {
            throw Self.error("names a cluster of letters, digits, _, - and .")
        }
        if let at = authority.lastIndex(of: "@") {
            user = try Self.user(authority[..<at], "user")
            hosts = try Self.hosts(authority[authority.index(after: at)...], isSecure: isSecure)
        } else {
            user = User(name: "default", password: "")
            hosts = try Self.hosts(authority, isSecure: isSecure)
        }
        guard hosts.count == 1 || cluster != nil else {
            throw Self.error("has one host, or else ?cluster=NAME: servers of their own would have different events")
        }
    }

    private static func hosts(_ text: Substring, isSecure: Bool) throws(WarehouseError) -> [Host] {
        var hosts: [Host] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let colon = part.lastIndex(of: ":").flatMap { part[$0...].contains("]") ? nil : $0 }
            let name = part[..<(colon ?? part.endIndex)]
            let port = colon.map { Int(part[part.index(after: $0)...]) } ?? (isSecure ? 8443 : 8123)
            guard let port, (1...65_535).contains(port), isHost(name) else {
                throw error("has hosts such as clickhouse-1:8123, with commas between several")
            }
            hosts.append(Host(name: String(name), port: port))
        }
        return hosts
    }

    private static func isHost(_ name: Substring) -> Bool {
        if name.hasPrefix("[") {
            return name.hasSuffix("]") && name.count > 2
                && name.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        return !name.isEmpty && name.utf8.allSatisfy { isWord($0) || $0 == 0x2D || $0 == 0x2E }
    }

    private static func user(_ text: Substring, _ what: String) throws(WarehouseError) -> User {
        let (name, password) = cut(text, at: ":")
        guard let name = percentDecoded(name), let password = percentDecoded(password ?? ""), !name.isEmpty,
            (name + password).utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            throw error("names the \(what) as name:password, with %XX for characters such as @ / : ? & %")
        }
        return User(name: name, password: password)
    }

    private static func options(_ query: Substring) throws(WarehouseError) -> [String: String] {
        var options: [String: String] = [:]
        for part in query.split(separator: "&") {
            let (name, value) = cut(part, at: "=")
            guard ["cluster", "quorum", "reader", "tls"].contains(name), let value, options[String(name)] == nil else {
                throw error("has the options cluster=NAME, quorum=NUMBER, reader=USER:PASSWORD, tls=true, each once")
            }
            options[String(name)] = String(value)
        }
        guard ["true", "false", nil].contains(options["tls"]) else { throw error("has tls=true or tls=false") }
        return options
    }

    private static func cut(_ text: Substring, at mark: Character) -> (Substring, Substring?) {
        guard let place = text.firstIndex(of: mark) else { return (text, nil) }
        return (text[..<place], text[text.index(after: place)...])
    }

    private static func percentDecoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(), high.isHexDigit, low.isHexDigit,
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func isIdentifier(_ text: String) -> Bool {
        text.utf8.allSatisfy(isWord) && text.utf8.first.map { !(0x30...0x39).contains($0) } == true
    }

    private static func isWord(_ byte: UInt8) -> Bool { byte.isLetterOrDigit || byte == 0x5F }

    private static func error(_ rule: String) -> WarehouseError {
        WarehouseError(
            .failed,
            "The warehouse's address \(rule); it reads clickhouse://user:password@host:port/database?cluster=NAME"
        )
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x46).contains(self) || (0x61...0x66).contains(self)
    }

    fileprivate var isLetterOrDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
    }
}
