// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateHTTP
package import FloodgateServer
import Logging

/// What every command can be told that listens: `serve` and `edge`.
struct ServingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Address to listen at (default: FLOODGATE_LISTEN, or 127.0.0.1:8080).",
            valueName: "host:port"
        )
    )
    var listen: ListenAddress?

    @Option(
        help: ArgumentHelp(
            "Another address, for /metrics, /livez, /readyz and /readyz/intake alone, without a key "
                + "(default: FLOODGATE_METRICS_LISTEN, or none).",
            valueName: "host:port"
        )
    )
    var metricsListen: ListenAddress?

    @Option(
        name: .customLong("public-url"),
        help: ArgumentHelp(
            "What clients call the server (default: FLOODGATE_PUBLIC_URL, or the name that they used).",
            valueName: "url"
        )
    )
    var publicURL: String?

    @Option(
        help: ArgumentHelp(
            "Path that may stand in front of all routes (default: FLOODGATE_PATH_PREFIX).",
            valueName: "path"
        )
    )
    var pathPrefix: String?

    @Option(
        name: .customLong("tls-certificate"),
        help: ArgumentHelp(
            "Certificate chain in PEM; the server then speaks TLS (default: FLOODGATE_TLS_CERTIFICATE).",
            valueName: "file"
        )
    )
    var certificate: String?

    @Option(
        name: .customLong("tls-key"),
        help: ArgumentHelp("The certificate's key in PEM (default: FLOODGATE_TLS_KEY).", valueName: "file")
    )
    var privateKey: String?

    @Option(
        name: .customLong("trusted-proxy"),
        help: ArgumentHelp(
            "Addresses of a proxy whose X-Forwarded-For is believed, such as 10.0.0.0/8; may be given several times "
                + "(default: FLOODGATE_TRUSTED_PROXIES, with commas).",
            valueName: "range"
        )
    )
    var trustedProxies: [String] = []

    @Flag(help: "Every connection begins with a PROXY header, version 1 or 2, from a load balancer.")
    var proxyProtocol = false

    @Option(
        help: ArgumentHelp(
            "Memory in MiB that the process may use; from 80 % on it refuses work (default: FLOODGATE_MEMORY_LIMIT, or "
                + "the control group's limit, or three quarters of the machine's memory).",
            valueName: "MiB"
        )
    )
    var memoryLimit: Int?

    @Option(
        help: ArgumentHelp(
            "How many streams of changes there may be at once, of specs and of flags together; who comes then is told to "
                + "poll (default: FLOODGATE_MAX_STREAMS, or 20000).",
            valueName: "count"
        )
    )
    var maxStreams: Int?

    @Option(
        name: .customLong("purge"),
        help: ArgumentHelp(
            "Base address of a cache in front, such as http://10.0.0.7:8081, that is sent PURGE when a gate is switched off "
                + "or on; may be given several times (default: FLOODGATE_PURGE, with commas).",
            valueName: "url"
        )
    )
    var purges: [String] = []

    @Option(
        help: ArgumentHelp(
            "Least level that is logged: trace, debug, info, notice, warning, error or critical "
                + "(default: FLOODGATE_LOG_LEVEL, or info).",
            valueName: "level"
        )
    )
    var logLevel: LogLevel?

    @Option(
        help: ArgumentHelp(
            "How log lines look: json or text (default: FLOODGATE_LOG_FORMAT, or text in a terminal).",
            valueName: "format"
        )
    )
    var logFormat: LogFormat?

    @Option(
        help: ArgumentHelp(
            "Which requests are logged: off, errors (20 a second at most), sampled (these, and 5 others a second) or all "
                + "(default: FLOODGATE_ACCESS_LOG, or sampled).",
            valueName: "which"
        )
    )
    var accessLog: AccessLog.Settings.Mode?

    @Option(
        help: ArgumentHelp(
            "What is logged of clients' addresses: none, truncated (24 bits of version 4, 48 of version 6) or full "
                + "(default: FLOODGATE_ACCESS_LOG_ADDRESSES, or truncated).",
            valueName: "what"
        )
    )
    var accessLogAddresses: AccessLog.Settings.Addresses?

    /// Prepares logs and metrics, and finds out whether the addresses are free.
    func start(_ settings: ServerSettings) throws -> (logger: Logger, registry: MetricsRegistry) {
        let level = Logger.Level(rawValue: (try logLevel ?? Self.setting(.logLevel) ?? .info).rawValue) ?? .info
        let format = try logFormat ?? Self.setting(.logFormat) ?? (StandardStreams.isErrorTerminal ? .text : .json)
        LoggingSystem.bootstrap { LineLogHandler(label: $0, format: format, level: level) }
        let registry = MetricsRegistry()
        registry.bootstrap()
        try Self.checkAddress(settings.listen, option: "--listen")
        if let metrics = settings.metricsListen { try Self.checkAddress(metrics, option: "--metrics-listen") }
        return (Logger(label: "floodgate"), registry)
    }

    /// Asks before anything is opened, so that a taken address leaves no trace in the data folder or the log.
    private static func checkAddress(_ address: ListenAddress, option: String) throws {
        switch PortProbe.state(of: address) {
        case .free, .unusable: return  // listening itself says best why an address cannot be used
        case .floodgate, .taken:
            throw CommandFailure(
                .unavailable,
                "Something listens at \(address) already; stop it, or choose another port with \(option) HOST:PORT"
            )
        }
    }

    /// What the process is told, with `folder` as its data folder.
    func settings(folder: String) throws -> ServerSettings {
        var settings = ServerSettings(dataFolder: folder)
        if let listen = try listen ?? Self.setting(.listen) { settings.listen = listen }
        settings.metricsListen = try metricsListen ?? Self.setting(.metricsListen)
        guard settings.metricsListen != settings.listen || settings.listen.port == 0 else {
            throw CommandFailure(.usage, "--metrics-listen must be another address than --listen")
        }
        settings.accessLog.mode = try accessLog ?? Self.setting(.accessLog) ?? settings.accessLog.mode
        settings.accessLog.addresses =
            try accessLogAddresses ?? Self.setting(.accessLogAddresses) ?? settings.accessLog.addresses
        settings.publicURL = try (publicURL ?? CommandSettings.publicURL.value).map { try Self.checkedURL($0) }
        settings.pathPrefix = try (pathPrefix ?? CommandSettings.pathPrefix.value).map(Self.checkedPrefix) ?? ""
        settings.tls = try tlsFiles()
        settings.requiresProxyHeader = proxyProtocol
        let proxies = trustedProxies.isEmpty ? CommandSettings.trustedProxies.list : trustedProxies
        settings.trustedProxies = try proxies.map { text in
            guard let range = AddressRange(text) else {
                throw CommandFailure(.usage, "The trusted proxy \"\(text)\" must look like 10.0.0.0/8 or 10.1.2.3")
            }
            return range
        }
        if let mebibytes = try memoryLimit ?? Self.setting(.memoryLimit) {
            guard 64...(1 << 24) ~= mebibytes else {
                throw CommandFailure(.usage, "The memory limit must be at least 64 MiB, not \(mebibytes)")
            }
            settings.memoryCeiling = mebibytes << 20
        }
        if let streams = try maxStreams ?? Self.setting(.maxStreams) {
            guard 0...1_000_000 ~= streams else {
                throw CommandFailure(.usage, "There may be 0 to 1000000 streams, not \(streams)")
            }
            settings.streams = streams
        }
        let purges =
            purges.isEmpty ? CommandSettings.purge.list : purges.flatMap { $0.split(separator: ",").map(String.init) }
        settings.purges = try purges.map { try Self.checkedURL($0, called: "address of a cache") }
        return settings
    }

    private func tlsFiles() throws -> TLSIdentity.Files? {
        switch (certificate ?? CommandSettings.tlsCertificate.value, privateKey ?? CommandSettings.tlsKey.value) {
        case (nil, nil): nil
        case (let certificate?, let privateKey?):
            TLSIdentity.Files(certificateChain: certificate, privateKey: privateKey)
        default:
            throw CommandFailure(.usage, "TLS needs a certificate and a key: give both --tls-certificate and --tls-key")
        }
    }

    private static func setting<Value: ExpressibleByArgument>(_ name: CommandSettings) throws -> Value? {
        guard let text = name.value else { return nil }
        guard let value = Value(argument: text) else {
            throw CommandFailure(.usage, "\(name.rawValue) cannot be \"\(text)\"; see `floodgate serve --help`")
        }
        return value
    }

    private static func checkedURL(_ text: String, called name: String = "public URL") throws -> String {
        let url = text.hasSuffix("/") ? String(text.dropLast()) : text
        let isWeb = ["http://", "https://"].contains { url.hasPrefix($0) && url.count > $0.count }
        guard isWeb, url.utf8.allSatisfy({ 0x21...0x7E ~= $0 }), !url.contains("?"), !url.contains("#") else {
            throw CommandFailure(.usage, "The \(name) \"\(text)\" must look like https://flags.example.com")
        }
        return url
    }

    private static func checkedPrefix(_ text: String) throws -> String {
        if text.isEmpty || text == "/" { return "" }
        let prefix = text.hasSuffix("/") ? String(text.dropLast()) : text
        let isPlain = prefix.utf8.allSatisfy { 0x21...0x7E ~= $0 } && !prefix.contains("?") && !prefix.contains("#")
        guard prefix.hasPrefix("/"), !prefix.contains("//"), isPlain else {
            throw CommandFailure(.usage, "The path prefix \"\(text)\" must look like /flags")
        }
        return prefix
    }
}

extension ListenAddress: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

extension LogFormat: ExpressibleByArgument {}

extension AccessLog.Settings.Mode: ExpressibleByArgument {}
extension AccessLog.Settings.Addresses: ExpressibleByArgument {}

/// The levels of `Logger.Level`, which is another package's to read from a command line.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error, critical
}
