// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a key is for; the wire spells it in the key's prefix.
package enum KeyKind: String, Sendable, CaseIterable {
    /// Server SDKs: specs, ID lists, events.
    case server
    /// Apps and browsers: evaluated values and events; not secret.
    case client
    /// The console API: everything.
    case console

    /// What keys of this kind begin with.
    package var prefix: String {
        switch self {
        case .server: "secret-"
        case .client: "client-"
        case .console: "console-"
        }
    }
}

/// What opens one environment to a program.
package struct SDKKey: Sendable, Hashable {
    /// The key itself: a prefix and 40 random characters.
    ///
    /// Secret but for client keys, and never logged.
    package var key: String
    /// What it is for.
    package var kind: KeyKind
    /// The environment that it opens.
    package var environment: String
    /// False once it was withdrawn.
    package var isActive: Bool
    /// When it was made, in Unix milliseconds.
    package var createdTime: Int64

    package init(key: String, kind: KeyKind, environment: String, isActive: Bool = true, createdTime: Int64) {
        self.key = key
        self.kind = kind
        self.environment = environment
        self.isActive = isActive
        self.createdTime = createdTime
    }

    /// Enough of the key to recognise it by, for logs and audit records.
    package var masked: String { key.prefix(kind.prefix.count + 4) + "…" }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

    /// `count` characters of 62, each as likely as the other.
    static func token(_ count: Int, using random: inout some RandomNumberGenerator) -> String {
        String((0..<count).map { _ in alphabet[Int.random(in: alphabet.indices, using: &random)] })
    }
}
