// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Hummingbird

/// What a server can be told; nothing but the data folder has to be said.
package struct ServerSettings: Sendable {
    /// Folder of everything that is kept; made if it is not there.
    package var dataFolder: String
    /// Where to listen.
    package var listen = ListenAddress(host: "127.0.0.1", port: 8080)
    /// Fills an empty project with the demo.
    package var loadsDemo = false
    /// What clients call the server, such as `https://flags.example.com`, without a slash at its end; nil takes the name
    /// that they used.
    package var publicURL: String?
    /// A path in front of all routes, such as `/flags`; requests without it are answered too.
    package var pathPrefix = ""
    /// How often to look whether the project changed.
    package var refreshInterval: Duration = .milliseconds(250)
    /// How long requests may take to end when the server stops.
    package var drainTimeout: Duration = .seconds(25)

    /// Makes settings with the defaults above.
    package init(dataFolder: String) { self.dataFolder = dataFolder }

    /// The absolute URL in front of the routes, as the client of `request` can reach it.
    func baseURL(of request: Request, hadPathPrefix: Bool) throws -> String {
        if let publicURL { return publicURL }
        let authority = request.head.authority ?? ""
        let isClean = !authority.isEmpty && authority.utf8.allSatisfy(Self.isHostByte)
        guard isClean || authority.isEmpty else { throw ServerError(.malformed, "The Host header is not a host name") }
        let base = isClean ? "http://\(authority)" : listen.localURL
        return hadPathPrefix ? base + pathPrefix : base
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._:[]".utf8.contains(byte)
        }
    }
}
