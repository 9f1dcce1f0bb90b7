// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// The files that pages refer to.
package struct ConsoleAsset: Sendable {
    /// The last part of its path.
    package let name: String
    /// Its media type.
    package let contentType: String
    /// Its content.
    package let bytes: [UInt8]

    /// All of them.
    package static let all = [
        ConsoleAsset(
            name: "console.css",
            contentType: "text/css; charset=utf-8",
            bytes: PackageResources.console_css
        ),
        ConsoleAsset(
            name: "console.js",
            contentType: "text/javascript; charset=utf-8",
            bytes: PackageResources.console_js
        ),
        ConsoleAsset(name: "icon.svg", contentType: "image/svg+xml", bytes: PackageResources.icon_svg),
    ]

    /// Changes when any of them does (FNV-1a); part of their addresses, so that they can be cached for good.
    package static let version: String = {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for asset in all {
            for byte in asset.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return String(hash, radix: 16)
    }()
}
