// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateSQLite
import FloodgateServer

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Settings from the environment; only keys are secret.
enum CommandSettings: String, CaseIterable {
    /// Folder of everything that is kept; no default.
    case data = "FLOODGATE_DATA"
    /// `HOST:PORT`; 127.0.0.1:8080.
    case listen = "FLOODGATE_LISTEN"
    /// `HOST:PORT`; none.
    case metricsListen = "FLOODGATE_METRICS_LISTEN"
    /// URL; none.
    case publicURL = "FLOODGATE_PUBLIC_URL"
    /// Path; none.
    case pathPrefix = "FLOODGATE_PATH_PREFIX"
    /// File; none.
    case tlsCertificate = "FLOODGATE_TLS_CERTIFICATE"
    /// File; none.
    case tlsKey = "FLOODGATE_TLS_KEY"
    /// Ranges of addresses with commas between; none.
    case trustedProxies = "FLOODGATE_TRUSTED_PROXIES"
    /// Mebibytes; what the container, or three quarters of what the machine has.
    case memoryLimit = "FLOODGATE_MEMORY_LIMIT"
    /// How many streams of changes there may be at once; 20000.
    case maxStreams = "FLOODGATE_MAX_STREAMS"
    /// Base addresses of caches, with commas between; none.
    case purge = "FLOODGATE_PURGE"
    /// duckdb, duckdb:FOLDER, clickhouse://… or none; duckdb.
    case warehouse = "FLOODGATE_WAREHOUSE"
    /// nats://…; none.
    case events = "FLOODGATE_EVENTS"
    /// What posts to the webhook are signed with; secret.
    case webhookSecret = "FLOODGATE_WEBHOOK_SECRET"
    /// DuckDB's program; duckdb on PATH.
    case duckDB = "FLOODGATE_DUCKDB"
    /// trace, debug, info, notice, warning, error or critical; info.
    case logLevel = "FLOODGATE_LOG_LEVEL"
    /// json or text; text if a person reads along.
    case logFormat = "FLOODGATE_LOG_FORMAT"
    /// off, errors, sampled or all; sampled.
    case accessLog = "FLOODGATE_ACCESS_LOG"
    /// none, truncated or full; truncated.
    case accessLogAddresses = "FLOODGATE_ACCESS_LOG_ADDRESSES"
    /// A console key, for commands that ask a server; secret.
    case consoleKey = "FLOODGATE_CONSOLE_KEY"
    /// URLs with commas between, for an edge.
    case upstream = "FLOODGATE_UPSTREAM"
    /// An edge key.
    case edgeKey = "FLOODGATE_EDGE_KEY"
    /// Base64, two with a comma between.
    case rootKey = "FLOODGATE_ROOT_KEY"

    /// The setting's text, if it is set to one.
    var value: String? {
        guard let text = getenv(rawValue) else { return nil }
        let value = String(cString: text)
        return value.isEmpty ? nil : value
    }

    /// The parts of the setting's text between commas.
    var list: [String] {
        (value ?? "").split(separator: ",").map { String($0.drop { $0 == " " }.prefix { $0 != " " }) }
    }

    /// Refuses names that begin like ours and are not: a misspelled setting would be one without effect.
    static func checkNames() throws(CommandFailure) {
        let known = Set(allCases.map(\.rawValue))
        for name in names() where name.hasPrefix("FLOODGATE_") && !known.contains(name) && !isForeign(name) {
            let list = known.sorted().joined(separator: ", ")
            throw CommandFailure(.usage, "\(name) is not a setting; unset it, or use one of \(list)")
        }
    }

    /// Names that Kubernetes sets for a service called floodgate, and that our own tests read.
    private static func isForeign(_ name: String) -> Bool {
        name == "FLOODGATE_RECORD" || name == "FLOODGATE_PORT" || name.hasPrefix("FLOODGATE_PORT_")
            || name.hasPrefix("FLOODGATE_SERVICE_") || name.hasPrefix("FLOODGATE_TEST_")
    }

    private static func names() -> [String] {
        var names: [String] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            names.append(text.split(separator: "=", maxSplits: 1).first.map(String.init) ?? text)
            next += 1
        }
        return names
    }
}

/// `--data`, for all commands that work on a data folder.
struct DataOption: ParsableArguments {
    @Option(help: ArgumentHelp("Folder of everything that is kept (default: FLOODGATE_DATA).", valueName: "dir"))
    var data: String?

    /// The folder that was named.
    func folder() throws(CommandFailure) -> DataFolder {
        guard let path = data ?? CommandSettings.data.value, !path.isEmpty else {
            throw CommandFailure(
                .usage,
                "Say where the data folder is: --data DIR, or FLOODGATE_DATA in the environment"
            )
        }
        return DataFolder(path: path)
    }

    /// The project in a folder that has one.
    func project() throws -> ControlPlane {
        let folder = try folder()
        guard access(folder.controlFile, F_OK) == 0 else {
            throw CommandFailure(
                .noInput,
                "There is no project in \(folder.path); `floodgate serve` and `floodgate import` make one"
            )
        }
        return ControlPlane(store: try SQLiteControlStore(path: folder.controlFile), now: SystemClock.now)
    }

    /// The project in a folder that is made if it is not there.
    func newProject() async throws -> ControlPlane {
        let folder = try folder()
        try folder.prepare()
        let control = ControlPlane(store: try SQLiteControlStore(path: folder.controlFile), now: SystemClock.now)
        try InitialKeys.keep(try await control.prepare(by: Change(actor: Actor.name)), in: folder)
        return control
    }
}

/// Who sits at the command line, as audit records name them.
enum Actor {
    static var name: String {
        guard let entry = getpwuid(getuid()), let text = entry.pointee.pw_name else { return "cli:\(getuid())" }
        return "cli:" + String(cString: text)
    }
}
