// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension Settings {
    /// The headers that every server SDK sends.
    func headers(at time: Int64) -> [(name: String, value: String)] {
        [
            ("statsig-api-key", key.headerSafe),
            ("statsig-sdk-type", Self.sdkType),
            ("statsig-sdk-version", Self.sdkVersion),
            ("statsig-server-session-id", sessionID),
            ("statsig-client-time", String(time)),
            ("user-agent", "\(Self.sdkType)/\(Self.sdkVersion)"),
        ]
    }
}

extension String {
    /// The text without anything that could end a header line: printable ASCII only.
    var headerSafe: String { String(decoding: utf8.filter { 0x20...0x7E ~= $0 }, as: UTF8.self) }

    /// The text as one segment of a path or one value of a query (RFC 3986: all but unreserved characters escaped).
    var percentEncoded: String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
