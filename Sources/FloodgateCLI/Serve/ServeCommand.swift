// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateHTTP
import FloodgateIngest
import FloodgateServer

/// When an event is acknowledged.
enum Durability: String, CaseIterable, ExpressibleByArgument {
    case local, replicated
}

/// `floodgate serve`: the server with all its roles.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve specs, take events, and show the console.",
        discussion: """
            Everything is kept in one folder, which is made if it is not there. When the server listens it prints the \
            console's address, a server key, a client key, and snippets to paste. It stops on SIGTERM and SIGINT, after \
            the requests that are running.

            Keys are kept as hashes. Those of a new project are written down once, in the folder's initial-keys.json, \
            which its owner alone can read; delete it when you have noted them.

            On a loopback address nobody has to log in at the console. On any other address the browser asks for a name, \
            which goes into the audit log, and a password, which is a console key (`floodgate keys list`).

            The certificate and key are read again every minute and on SIGHUP; files that do not fit are refused, and the \
            ones before stay.

            Logs go to standard error. Exit codes: 64 a setting is wrong, 69 the address is taken or the folder is in use, \
            73 the folder cannot be made or written, 74 stored data is damaged.
            """
    )

    @OptionGroup var data: DataOption

    @Flag(help: "Fill an empty project with the demo, a web shop.")
    var demo = false

    @Option(
        help: ArgumentHelp(
            "Days that exposures and events stay in the warehouse, or with none:trim in the log (default: for good).",
            valueName: "days"
        )
    )
    var retention: Int?

    @Option(
        help: ArgumentHelp(
            "Minutes that events stay in the log after they are in the warehouse.",
            valueName: "minutes"
        )
    )
    var keepLog = 60

    @Option(
        help: ArgumentHelp(
            "GiB that the event log may have; from four fifths of it on, the server refuses what matters least.",
            valueName: "GiB"
        )
    )
    var logQuota = 50

    @Option(
        help: ArgumentHelp(
            "Brokers that events go through on their way to the warehouse, such as "
                + "nats://user:password@host:4222,host2:4222?replicas=3&partitions=64 (default: FLOODGATE_EVENTS, or none: "
                + "straight from this server's log).",
            valueName: "address"
        )
    )
    var events: String?

    @Option(
        help: ArgumentHelp(
            "With brokers: whether an event is acknowledged when it is on this server's disk (local) or has its copies at the "
                + "brokers as well (replicated).",
            valueName: "class"
        )
    )
    var durability = Durability.replicated

    @Option(
        help: ArgumentHelp(
            "With brokers: which partitions this server loads into the warehouse, each by one server alone: all, none, or "
                + "such as 0-31.",
            valueName: "partitions"
        )
    )
    var load = "all"

    @Option(
        help: ArgumentHelp(
            "Write all events to files by hour of their arrival as well: ndjson:FOLDER, ndjson-zstd:FOLDER or parquet:FOLDER.",
            valueName: "format:dir"
        )
    )
    var export: String?

    @Option(
        help: ArgumentHelp(
            "Post events to this address as well, signed with FLOODGATE_WEBHOOK_SECRET.",
            valueName: "url"
        )
    )
    var webhook: String?

    @Option(
        help: ArgumentHelp(
            "Which events to post, in the terms of `floodgate events tail --filter`.",
            valueName: "terms"
        )
    )
    var webhookFilter = ""

    @OptionGroup var warehouse: WarehouseOption
    @OptionGroup var serving: ServingOptions

    func validate() throws {
        if let retention, !(1...36_500 ~= retention) {
            throw ValidationError("--retention must be from 1 to 36500 days")
        }
        guard 0...18_720 ~= keepLog else {
            throw ValidationError("--keep-log must be from 0 to 18720 minutes, 13 days")
        }
        guard 1...1_000_000 ~= logQuota else { throw ValidationError("--log-quota must be from 1 to 1000000 GiB") }
    }

    func run() async throws {
        var settings = try serving.settings(folder: try data.folder().path)
        settings.loadsDemo = demo
        settings.warehouse = try warehouse.setting()
        settings.duckDBProgram = warehouse.program
        if let address = events ?? CommandSettings.events.value {
            var cluster = try EventCluster.Setting(address)
            cluster.isReplicated = durability == .replicated
            try cluster.load(load)
            settings.cluster = cluster
            if case .none = settings.warehouse {
                throw CommandFailure(.usage, "Brokers without a warehouse have nowhere to bring events to")
            }
        }
        settings.pipeline.retentionDays = retention.map { Int32($0) }
        settings.pipeline.keepsLoaded = .seconds(60 * keepLog)
        settings.logQuotaBytes = Int64(logQuota) << 30
        do {
            settings.export = try export.map { try ExportSettings($0) }
            settings.webhook = try webhook.map { url in
                let secret = CommandSettings.webhookSecret.value ?? ""
                return try WebhookSettings(url: url, secret: secret, filter: webhookFilter)
            }
        } catch let mistake as ExportMistake {
            throw CommandFailure(.usage, mistake.description)
        }
        let (logger, registry) = try serving.start(settings)
        let server = try FloodgateServer.open(settings, registry: registry, now: SystemClock.now, logger: logger)
        let folder = DataFolder(path: settings.dataFolder)
        try InitialKeys.keep(try await server.prepare(), in: folder)
        let keys = try await server.control.keys().filter { $0.isGood(at: SystemClock.now()) }
        let initialKeys = InitialKeys(in: folder)
        try await server.run { [settings] address in
            StandardStreams.output(
                Greeting(settings: settings, address: address, keys: keys, initialKeys: initialKeys).text
            )
        }
    }
}
