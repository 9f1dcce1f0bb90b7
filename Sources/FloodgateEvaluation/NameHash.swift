// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How names are written in client-initialize responses, so that a client learns nothing of features it does not ask for.
public enum NameHash: String, Sendable, Hashable, CaseIterable {
    /// The names themselves.
    case none
    /// `h = 31 h + scalar` modulo 2^32 over the Unicode scalars, in decimal.
    case djb2
    /// Standard base64 of the SHA-256 digest.
    case sha256

    /// `name` as this algorithm writes it.
    public func callAsFunction(_ name: String) -> String {
        switch self {
        case .none: name
        case .djb2: String(Self.djb2(name))
        case .sha256: SHA256.base64(of: name)
        }
    }

    /// The djb2 hash of `text`.
    public static func djb2(_ text: String) -> UInt32 {
        let ascii = text.utf8.withContiguousStorageIfAvailable { bytes -> UInt32? in
            var hash: UInt32 = 0
            for byte in bytes {
                guard byte < 0x80 else { return nil }
                hash = hash &* 31 &+ UInt32(byte)
            }
            return hash
        }
        if let hash = ascii ?? nil { return hash }
        return text.unicodeScalars.reduce(0) { $0 &* 31 &+ $1.value }
    }
}
