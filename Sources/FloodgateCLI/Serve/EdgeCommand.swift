// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateHTTP
import FloodgateServer
import FloodgateSnapshots
import Logging

/// `floodgate edge`: delivery and intake close to those who use them.
struct EdgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge",
        abstract: "Serve what another server or edge publishes, and take events for it.",
        discussion: """
            An edge has no database. It follows --upstream with an edge key (`floodgate keys create edge`), takes what the \
            root key vouches for (`floodgate signing show`), and keeps the last good state in its data folder: it starts from \
            there in a moment, and goes on serving when nothing upstream answers. Events are kept on its disk before they \
            are acknowledged, and sent on when upstream takes them. An edge can follow an edge.

            The key is best given as FLOODGATE_EDGE_KEY, where no list of processes shows it.

            Exit codes: 64 a setting is wrong, 69 the address is taken or the folder is in use, 73 the folder cannot be made \
            or written, 74 stored data is damaged.
            """
    )

    @OptionGroup var data: DataOption

    @Option(
        help: ArgumentHelp(
            "Servers to follow, with commas, the preferred one first (default: FLOODGATE_UPSTREAM).",
            valueName: "url,…"
        )
    )
    var upstream: String?

    @Option(help: ArgumentHelp("An edge key of upstream (default: FLOODGATE_EDGE_KEY).", valueName: "key"))
    var key: String?

    @Option(
        name: .customLong("root-key"),
        help: ArgumentHelp(
            "Public root key of the project; two with a comma while one takes the other's place "
                + "(default: FLOODGATE_ROOT_KEY).",
            valueName: "base64"
        )
    )
    var rootKey: String?

    @Option(
        name: .customLong("upstream-wait"),
        help: ArgumentHelp(
            "How long upstream may keep a question that has no news; less than what proxies in between allow, 1 to 25 s.",
            valueName: "seconds"
        )
    )
    var upstreamWait = 20

    @Option(
        name: .customLong("keep-sent"),
        help: ArgumentHelp(
            "How long events stay on disk after upstream has kept them, by whole files of the log.",
            valueName: "minutes"
        )
    )
    var keepSent = 60

    @OptionGroup var serving: ServingOptions

    func run() async throws {
        let settings = try serving.settings(folder: try data.folder().path)
        let source = try source()
        let (logger, registry) = try serving.start(settings)
        let edge = try FloodgateEdge.open(
            settings,
            following: source,
            registry: registry,
            now: SystemClock.now,
            logger: logger
        )
        if !edge.load() { logger.notice("Nothing is on disk yet; nothing is served until upstream answers") }
        try await edge.run { [settings] address in
            StandardStreams.output("Floodgate edge serves at \(settings.localURL(of: address))\n")
        }
    }

    private func source() throws -> FloodgateEdge.Source {
        let addresses = (upstream ?? CommandSettings.upstream.value ?? "").split(separator: ",")
            .map { String($0.filter { $0 != " " }) }.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        guard !addresses.isEmpty, addresses.allSatisfy({ $0.hasPrefix("http://") || $0.hasPrefix("https://") }) else {
            throw CommandFailure(.usage, "Name the server to follow: --upstream https://flags.example.com")
        }
        guard let key = key ?? CommandSettings.edgeKey.value, key.hasPrefix("fge_") else {
            throw CommandFailure(.usage, "Give an edge key, which begins with fge_: --key, or FLOODGATE_EDGE_KEY")
        }
        let rootKeys = (rootKey ?? CommandSettings.rootKey.value ?? "").split(separator: ",")
            .map { SnapshotBase64.decode(String($0)) }
        guard !rootKeys.isEmpty, rootKeys.allSatisfy({ $0?.count == 32 }) else {
            throw CommandFailure(.usage, "Give the root key that `floodgate signing show` prints: --root-key BASE64")
        }
        guard 1...25 ~= upstreamWait else {
            throw CommandFailure(.usage, "--upstream-wait is a number of seconds from 1 to 25")
        }
        var source = FloodgateEdge.Source(addresses: addresses, key: key, rootKeys: rootKeys.compactMap { $0 })
        guard 0...525_600 ~= keepSent else {
            throw CommandFailure(.usage, "--keep-sent is a number of minutes from 0 to 525600, which is a year")
        }
        source.wait = upstreamWait
        source.keepsSent = .seconds(60 * keepSent)
        return source
    }
}
