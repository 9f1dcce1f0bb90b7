// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import FloodgateSnapshots
internal import Logging

/// A client's options after they were checked: nothing here is out of range.
struct Settings: Sendable {
    let key: String
    /// Where to ask for specs, ID lists and streams and to leave events; of each at least one, the preferred one first.
    let specsURLs: [String]
    let idListsURLs: [String]
    let eventsURLs: [String]
    let streamURLs: [String]
    /// Where to say which document is in use, as `streamURLs`.
    let reportURLs: [String]
    /// What people call this instance.
    let instanceName: String
    /// The options but for `bootstrap`, which is not kept once it was read.
    let options: FloodgateClient.Options
    /// What the application gave to start with.
    let bootstrap: HandedOver<[UInt8]>
    /// Names this run of this client to the server.
    let sessionID: String
    /// Scheme, host and port of all ID lists' files, where the application wants others than the manifest has.
    let idListFilesOrigin: String?

    static let sdkType = "floodgate-swift"
    static let sdkVersion = "0.1.0"
    /// The longest document that is read, before and after decompression.
    static let maxDocumentBytes = 64 << 20

    init(key: String, options: FloodgateClient.Options) {
        var options = options
        options.logger = options.logger.bounded
        let defaults = FloodgateClient.Options()
        let logger = options.logger
        func check<Value>(
            _ path: WritableKeyPath<FloodgateClient.Options, Value>,
            _ name: String,
            _ allowed: String,
            _ isGood: (Value) -> Bool
        ) {
            guard !isGood(options[keyPath: path]) else { return }
            logger.warning(
                "An option is out of range; the default is used",
                metadata: ["floodgate.option": "\(name)", "floodgate.allowed": "\(allowed)"]
            )
            options[keyPath: path] = defaults[keyPath: path]
        }
        check(\.initTimeout, "initTimeout", "more than 0") { $0 > .zero }
        check(\.requestTimeout, "requestTimeout", "more than 0") { $0 > .zero }
        check(\.shutdownTimeout, "shutdownTimeout", "more than 0") { $0 > .zero }
        check(\.pollInterval, "pollInterval", "1 s or more") { $0 >= .seconds(1) }
        check(\.idListInterval, "idListInterval", "1 s or more") { $0 >= .seconds(1) }
        check(\.flushInterval, "flushInterval", "1 s or more") { $0 >= .seconds(1) }
        check(\.eventBatchSize, "eventBatchSize", "10 to 2000") { 10...2000 ~= $0 }
        check(\.maxPendingBatches, "maxPendingBatches", "1 to 1000000") { 1...1_000_000 ~= $0 }
        check(\.maxEventBytes, "maxEventBytes", "65536 or more") { $0 >= 65_536 }
        check(\.proxy, "proxy", "a host, and a port from 1 to 65535") { proxy in
            proxy.map { !$0.host.isEmpty && 1...65_535 ~= $0.port } ?? true
        }
        if !options.rootKeys.allSatisfy({ SnapshotBase64.decode($0)?.count == 32 }) {
            // The default would be to trust everything.
            logger.warning(
                "A root key is none; nothing is taken that no other one vouches for",
                metadata: ["floodgate.option": "rootKeys", "floodgate.allowed": "base64 of 32 bytes each"]
            )
        }
        check(\.spillsEvents, "spillsEvents", "only with a cacheFolder") { !$0 || options.cacheFolder != nil }

        var servers = options.servers.compactMap { Self.address($0) }
        if servers.isEmpty { servers = [Self.address(options.server) ?? FloodgateClient.Options.defaultServer] }
        func addresses(_ own: String?, _ path: String) -> [String] {
            Self.address(own).map { [$0] } ?? servers.map { $0 + path }
        }
        self.key = key
        self.specsURLs = addresses(options.specsURL, "/v2/download_config_specs")
        self.idListsURLs = addresses(options.idListsURL, "/v1/get_id_lists")
        self.eventsURLs = addresses(options.eventsURL, "/v1/log_event")
        self.streamURLs = addresses(options.streamURL, "/v2/stream_config_specs")
        reportURLs = servers.map { $0 + "/v2/report_config_specs" }
        instanceName = (options.instanceName ?? UseReporter.hostName()).headerSafe
        idListFilesOrigin = Self.address(options.idListFilesURL).map { String($0.schemeAndAuthority) }
        bootstrap = HandedOver(options.bootstrap)
        options.bootstrap = nil
        self.options = options
        self.sessionID = Self.randomID()
    }

    /// Whether documents from outside must be signed.
    var verifies: Bool { !options.rootKeys.isEmpty }

    /// What checks them; nil if nothing does.
    var snapshotGuard: SnapshotGuard? {
        verifies ? SnapshotGuard(rootKeys: options.rootKeys, requiresSignature: options.requiresSignature) : nil
    }

    /// The tier as evaluation and events want it.
    var environment: JSONObject? { options.environment.map { ["tier": .string($0)] } }

    /// An address without the slash at its end; nil for one that is not set, among them the text `null`.
    private static func address(_ text: String?) -> String? {
        guard var text, text != "null" else { return nil }
        while text.utf8.last == UInt8(ascii: "/") { text.removeLast() }
        return text.isEmpty ? nil : text
    }

    /// A version 4 UUID (RFC 9562).
    private static func randomID() -> String {
        var high = UInt64.random(in: .min ... .max)
        var low = UInt64.random(in: .min ... .max)
        high = high & ~0xF000 | 0x4000
        low = low & ~(0b11 << 62) | 0b10 << 62
        let digits = [high, low].flatMap { word in
            (0..<16).map { Array("0123456789abcdef".utf8)[Int(truncatingIfNeeded: word >> (60 - 4 * $0) & 15)] }
        }
        let text = String(decoding: digits, as: UTF8.self)
        var parts: [Substring] = []
        var rest = text[...]
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }
}
