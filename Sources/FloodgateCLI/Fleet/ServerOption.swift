// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateServer

/// `--server` and `--key`, for commands that ask a running server; without them it is the one on the data folder.
struct ServerOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Address of a running server (default: the one that runs on the data folder).",
            valueName: "url"
        )
    )
    var server: String?

    @Option(help: ArgumentHelp("A console key of that server (default: FLOODGATE_CONSOLE_KEY).", valueName: "key"))
    var key: String?

    /// The server that was named, or else runs on `folder`.
    func link(_ folder: () throws -> DataFolder) throws -> ServerLink {
        if let server {
            guard server.hasPrefix("http://") || server.hasPrefix("https://") else {
                throw CommandFailure(.usage, "--server must begin with http:// or https://")
            }
            guard let key = key ?? CommandSettings.consoleKey.value else {
                throw CommandFailure(.usage, "Give a console key: --key, or FLOODGATE_CONSOLE_KEY")
            }
            return ServerLink(url: server, key: key)
        }
        let folder = try folder()
        guard let access = LocalAccess(in: folder) else {
            throw CommandFailure(
                .unavailable,
                "No server runs on \(folder.path); name one with --server and --key"
            )
        }
        return ServerLink(access)
    }
}
