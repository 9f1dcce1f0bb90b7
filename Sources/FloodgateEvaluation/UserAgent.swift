// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a browser says about itself: operating system and browser, each with a version.
///
/// The rules are those by which official SDKs answer `ua_based` conditions, so that rollouts agree; they know nothing of
/// devices. What is not recognised is `Other`, and a version that is not known is `0.0.0`.
package struct UserAgent: Sendable, Hashable {
    /// The longest text that is looked at.
    package static let maximumBytes = 1000

    /// Such as `Mac OS X`, `iOS` or `Other`.
    package let osName: String
    /// Such as `10.15.7`.
    package let osVersion: String
    /// Such as `Chrome Mobile`, the name of a bot, or `Other`.
    package let browserName: String
    /// Such as `120.0.0.0`.
    package let browserVersion: String

    /// Reads a `User-Agent` header; nil if it is longer than `maximumBytes`.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.maximumBytes else { return nil }
        self = UnsafeBufferPointer.reading(text) { bytes in
            var scan = UserAgentScan(bytes)
            scan.run()
            return UserAgent(os: scan.decideOS(), browser: scan.decideBrowser())
        }
    }

    private init(os: UserAgentProduct, browser: UserAgentProduct) {
        (osName, osVersion) = (os.name.string, os.versionText)
        (browserName, browserVersion) = (browser.name.string, browser.versionText)
    }
}

/// A name found in a user agent, with the version that stood beside it.
struct UserAgentProduct {
    /// What it is called in the result.
    var name: UserAgentText
    /// What it was called in the text, on which the form of the version hangs.
    var tag: UserAgentText
    var version: UserAgentText?

    init(_ name: UserAgentText, tag: UserAgentText? = nil, version: UserAgentText? = nil) {
        (self.name, self.tag, self.version) = (name, tag ?? name, version)
    }

    /// Parts joined by dots.
    fileprivate var versionText: String {
        guard let version else { return "0.0.0" }
        if tag == "Windows" { return windowsVersion(version) }
        var parts = version.bytes.split(omittingEmptySubsequences: false) {
            $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ".")
        }
        if parts.last?.isEmpty == true { parts.removeLast() }
        let isShort = tag == "YaBrowser" || tag == "Opera" || tag == "NetFront NX"
        var text: [UInt8] = []
        for (index, part) in parts.prefix(isShort ? 3 : 4).enumerated() {
            if index > 0 { text.append(UInt8(ascii: ".")) }
            text += index == 1 ? part.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } : part
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The name in the shops of a version of the kernel.
    private func windowsVersion(_ version: UserAgentText) -> String {
        switch version {
        case "5.1", "5.2": "XP"
        case "6.0": "Vista"
        case "6.1": "7"
        case "6.3": "8.1"
        case "10.0": "10"
        default: "0.0.0"
        }
    }
}
