// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON
public import Logging
public import Metrics
public import Tracing

extension FloodgateClient {
    /// How a client gets its specs, how it reports, and how patient it is; each default suits production.
    ///
    /// A value out of its range is not used: the default takes its place, with a warning in the log.
    public struct Options: Sendable {
        // MARK: Where specs come from

        /// The address of the Floodgate server, to which routes are appended; `http://127.0.0.1:8080` by default.
        public var server = FloodgateClient.Options.defaultServer
        /// Addresses of several servers, the preferred one first, in place of `server`; none by default.
        ///
        /// The one that answered last is asked; while it fails, the next one; and after 30 s or more one that is preferred.
        public var servers: [String] = []
        /// Where specs are downloaded, without the key; by default `/v2/download_config_specs` on the server.
        public var specsURL: String?
        /// Where the manifest of ID lists is; by default `/v1/get_id_lists` on the server.
        public var idListsURL: String?
        /// Where the files of ID lists are: the scheme, host and port to use in place of those in the manifest; none by default.
        ///
        /// For files behind a proxy or mirror; it gets the key, as the servers do.
        public var idListFilesURL: String?
        /// Where events go; by default `/v1/log_event` on the server.
        public var eventsURL: String?
        /// Where the stream of changes is; by default `/v2/stream_config_specs` on the server.
        public var streamURL: String?
        /// Follows a stream of changes, and polls only while there is none; off by default.
        ///
        /// What goes over the stream is described in docs/wire.md.
        public var streaming = false
        /// What the instance is called where the server lists those that use its specs; by default the host's name.
        public var instanceName: String?
        /// Tells the server, while changes come over a stream, which document is in use and since when; on by default.
        ///
        /// One small request after each change, and one a minute. Polls say it themselves.
        public var reportsUse = true
        /// A document to use at once; polls replace it when the server has a newer one.
        public var bootstrap: [UInt8]?
        /// A place that a fleet shares, read before the network at the start; wins over `bootstrap` unless it is older.
        public var dataStore: (any DataStore)?
        /// The path of a document to use instead of the server's; read again at each poll interval.
        public var file: String?
        /// A folder that keeps the last good document, so that a start without a server has something to answer from.
        public var cacheFolder: String?
        /// Public root keys of the project in base64, as `floodgate signing show` prints them; none by default.
        ///
        /// With one, a document that comes over the network or from `cacheFolder` is used only if it is signed, whole, of this
        /// environment, and not older than one that was used before; the last good one stays otherwise. Two keys are for the
        /// time in which one takes the other's place. What the application itself hands over is not checked: `bootstrap`,
        /// `file` and `dataStore`.
        public var rootKeys: [String] = []
        /// Whether a document without any signature is refused where there are `rootKeys`; true by default.
        ///
        /// False is for the time in which not all servers sign yet: what is signed is checked all the same, but whoever can
        /// take a signature away can hand out what they like.
        public var requiresSignature = true
        /// Keeps ID lists up to date; off by default.
        public var enableIDLists = false
        /// Never opens a connection: specs come from `bootstrap`, `dataStore`, `file` or `cacheFolder`, events are dropped.
        public var disableNetwork = false
        /// A proxy for all connections; none by default.
        public var proxy: Proxy?

        // MARK: What evaluation sees

        /// The tier, such as `staging`; by default what the first document says, else none, which means production.
        public var environment: String?
        /// Attributes of every user, under the user's own `custom`.
        public var globalCustomFields = JSONObject()
        /// Where the application keeps what units were assigned by experiments and layers; none by default.
        public var stickyStore: (any StickyStore)?
        /// Looks countries up from IP addresses where a rule asks; on by default.
        public var looksUpCountries = true

        // MARK: Patience

        /// How long `initialize` waits at most, while the download may go on behind; 3 s by default, more than 0.
        public var initTimeout: Duration = .seconds(3)
        /// Time allowed for one request, body included; 10 s by default, more than 0.
        public var requestTimeout: Duration = .seconds(10)
        /// Pause between polls, counted from the end of the one before and spread by ±10 %; 10 s by default, 1 s or more.
        public var pollInterval: Duration = .seconds(10)
        /// Pause between looks at the ID lists, likewise; 60 s by default, 1 s or more.
        public var idListInterval: Duration = .seconds(60)
        /// How long `flush` and `shutdown` take at most, the last quarter of a shutdown for the disk if events may spill;
        /// 3 s by default, more than 0.
        public var shutdownTimeout: Duration = .seconds(3)

        // MARK: Events

        /// Events in one request; 2000 by default, from 10 to 2000.
        public var eventBatchSize = 2000
        /// Batches that wait while the server takes none, before the oldest is dropped; 100 by default, 1 or more.
        public var maxPendingBatches = 100
        /// Bytes that waiting events may take, roughly, before the oldest batch is dropped; 8 MiB by default, 64 KiB or more.
        public var maxEventBytes = 8 << 20
        /// Sends batches of events gzipped; off spends bandwidth instead of CPU time, such as to a proxy on the same host.
        public var compressesEvents = true
        /// How long an event waits for others to travel with; 60 s by default, 1 s or more.
        public var flushInterval: Duration = .seconds(60)
        /// Writes events that a shutdown cannot send to `cacheFolder`, 8 MiB at most, for the next start to send; off by
        /// default.
        public var spillsEvents = false
        /// Sends no events about the client's own start and updates.
        public var disableDiagnostics = false
        /// Logs nothing at all: neither exposures nor the application's own events.
        public var disableAllLogging = false

        // MARK: Reports

        /// Where the client reports, warnings alone by default; never keys, units or attributes.
        public var logger = FloodgateClient.Options.defaultLogger
        /// What makes the client's instruments; by default the program's own factory, from `MetricsSystem`.
        public var metricsFactory: (any MetricsFactory)?
        /// What spans around requests go to; by default the program's own tracer, from `InstrumentationSystem`.
        public var tracer: (any Tracer)?

        /// Makes options with the defaults above.
        public init() {}

        private static var defaultLogger: Logger {
            var logger = Logger(label: "floodgate")
            logger.logLevel = .warning
            return logger
        }

        static let defaultServer = "http://127.0.0.1:8080"
    }
}
