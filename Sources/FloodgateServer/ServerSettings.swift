// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateHTTP
package import FloodgateIngest
import Hummingbird

/// What a server can be told; nothing but the data folder has to be said.
package struct ServerSettings: Sendable {
    /// Folder of everything that is kept; made if it is not there.
    package var dataFolder: String
    /// Where to listen.
    package var listen = ListenAddress(host: "127.0.0.1", port: 8080)
    /// What the process is called where several are listed.
    package var name = HostName.current
    /// Which engine exposures and events are analysed with.
    package var warehouse = WarehouseSetting.duckDB(folder: nil)
    /// The brokers that events go through; nil for none.
    package var cluster: EventCluster.Setting?
    /// DuckDB's program; nil looks for it on `PATH`.
    package var duckDBProgram: String?
    /// Files that events are exported to; nil for none.
    package var export: ExportSettings?
    /// Where events are posted to; nil for nowhere.
    package var webhook: WebhookSettings?
    /// How long events are kept where.
    package var pipeline = EventPipeline.Settings()
    /// Bytes that the event log may have.
    package var logQuotaBytes: Int64 = 50 << 30
    /// Fills an empty project with the demo.
    package var loadsDemo = false
    /// What clients call the server, such as `https://flags.example.com`, without a slash at its end; nil takes the name
    /// that they used.
    package var publicURL: String?
    /// A path in front of all routes, such as `/flags`; requests without it are answered too.
    package var pathPrefix = ""
    /// Where else to serve `/metrics`, `/livez`, `/readyz` and `/readyz/intake`, and nothing but these, without a key; nil
    /// for nowhere.
    package var metricsListen: ListenAddress?
    /// What the log is told of requests.
    package var accessLog = AccessLog.Settings()
    /// How often to look whether the project changed.
    package var refreshInterval: Duration = .milliseconds(250)
    /// How many streams of changes there may be at once.
    package var streams = 20_000
    /// Base addresses of caches that are told when a gate was switched off or on (`PURGE`).
    package var purges: [String] = []
    /// How long a stream lasts, give or take a fifth; then its client connects anew, perhaps to another node.
    package var streamLife: Duration = .seconds(900)
    /// How long requests may take to end when the server stops.
    package var drainTimeout: Duration = .seconds(25)

    /// What to encrypt with; nil for clear text.
    package var tls: TLSIdentity.Files?
    /// Proxies whose word on where a request comes from is taken.
    package var trustedProxies: [AddressRange] = []
    /// Whether every connection begins with a PROXY header.
    package var requiresProxyHeader = false
    /// Limits of connections and requests.
    package var limits = HTTPLimits()
    /// Bytes that the process may have resident; it sheds load from four fifths of them on.
    package var memoryCeiling = MemoryCeiling.ofProcess
    /// Requests without a good key that one address may send: each second, and at once.
    package var failedRequests = TokenBuckets.Rate(perSecond: 20, burst: 100)
    /// Requests that one key may send: each second, and at once.
    package var requestsPerKey = TokenBuckets.Rate(perSecond: 20_000, burst: 40_000)
    /// Bounds of how many requests of one class may work at once.
    package var concurrency = AdaptiveLimit.Bounds()
    /// What the guards need to know of all this.
    var guards: Guards.Settings {
        var guards = Guards.Settings()
        guards.strikes = failedRequests
        guards.perKey = requestsPerKey
        guards.memoryCeiling = memoryCeiling
        guards.concurrency = concurrency
        return guards
    }

    /// Makes settings with the defaults above.
    package init(dataFolder: String) { self.dataFolder = dataFolder }

    /// The absolute URL in front of the routes, as the client of `request` can reach it.
    func baseURL(of request: Request, hadPathPrefix: Bool) throws -> String {
        if let publicURL { return publicURL }
        let authority = request.head.authority ?? ""
        let isClean = !authority.isEmpty && authority.utf8.allSatisfy(Self.isHostByte)
        guard isClean || authority.isEmpty else { throw ServerError(.malformed, "The Host header is not a host name") }
        let base = isClean ? "\(request.head.scheme ?? "http")://\(authority)" : localURL(of: listen)
        return hadPathPrefix ? base + pathPrefix : base
    }

    /// How `address` is reached on this machine.
    package func localURL(of address: ListenAddress) -> String {
        tls == nil ? address.localURL : "https" + address.localURL.dropFirst("http".count)
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
