// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a key is for; the wire spells it in the key's prefix.
package enum KeyKind: String, Sendable, CaseIterable {
    /// Server SDKs: specs, ID lists, events.
    case server
    /// Apps and browsers: evaluated values and events; not secret.
    case client
    /// The console API: everything.
    case console
    /// Edges: all that one environment's edge has to know, and events that it took in.
    case edge
    /// Addresses that caches may keep: whoever has one reads the environment's specs.
    case delivery

    /// Those that every project begins with.
    package static let initial: [KeyKind] = [.server, .client, .console]

    /// What keys of this kind begin with.
    package var prefix: String {
        switch self {
        case .server: "secret-"
        case .client: "client-"
        case .console: "console-"
        case .edge: "fge_"
        case .delivery: "fgd_"
        }
    }
}

/// What opens one environment to a program, as far as it is kept: the key itself is not.
package struct SDKKey: Sendable, Hashable {
    /// The hash of the key.
    package let digest: KeyDigest
    /// The key's last four characters, to recognise it by.
    package let lastFour: String
    /// What it is for.
    package let kind: KeyKind
    /// The environment that it opens.
    package let environment: String
    /// False once it was revoked.
    package var isActive: Bool
    /// When it was made, in Unix milliseconds.
    package let createdTime: Int64
    /// When it ends to work, in Unix milliseconds; nil for never.
    package let expiresTime: Int64?

    /// What is kept of a key that is known by its `digest` alone.
    package init(
        digest: KeyDigest,
        lastFour: String,
        kind: KeyKind,
        environment: String,
        isActive: Bool = true,
        createdTime: Int64,
        expiresTime: Int64? = nil
    ) {
        self.digest = digest
        self.lastFour = lastFour
        self.kind = kind
        self.environment = environment
        self.isActive = isActive
        self.createdTime = createdTime
        self.expiresTime = expiresTime
    }

    /// What is kept of the key that reads `text`.
    package init(text: String, kind: KeyKind, environment: String, createdTime: Int64, expiresTime: Int64? = nil) {
        self.init(
            digest: KeyDigest(of: text),
            lastFour: String(text.suffix(4)),
            kind: kind,
            environment: environment,
            createdTime: createdTime,
            expiresTime: expiresTime
        )
    }

    /// Enough of the key to recognise it by, for people, logs and audit records.
    package var masked: String { "\(kind.prefix)…\(lastFour)" }

    /// Whether the key opens anything at `now`, in Unix milliseconds.
    package func isGood(at now: Int64) -> Bool { isActive && expiresTime.map { now < $0 } ?? true }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

    /// `count` characters of 62, each as likely as the other.
    static func token(_ count: Int, using random: inout some RandomNumberGenerator) -> String {
        String((0..<count).map { _ in alphabet[Int.random(in: alphabet.indices, using: &random)] })
    }
}

/// A key that was just made: the one moment at which its text is known.
package struct IssuedKey: Sendable, Hashable {
    /// The key itself: a prefix and 40 random characters.
    ///
    /// Secret but for client keys, never logged, and for whoever asked for the key alone.
    package let text: String
    /// What is kept of it.
    package let key: SDKKey
}
