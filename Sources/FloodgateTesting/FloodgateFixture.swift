// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import Floodgate

/// A real client for a test, with values that the test fixes, a record of all that is logged, and a clock to move.
///
/// It never touches network or disk. Its client answers from the start, whether or not anybody initialises it, so that it
/// can be handed to a service that does so, to one that runs it in a service group, and to a plain function. Any number of
/// fixtures live side by side: give each test its own.
///
/// ```swift
/// @Test func `the new checkout shows a guarantee`() async {
///     let flags = FloodgateFixture()
///     flags.setGate("new_checkout", to: true, forID: "u-1")
///     let shop = Shop(flags: flags.client)
///
///     #expect(shop.page(for: "u-1").hasGuarantee)
///     #expect(await flags.exposures(of: "new_checkout").count == 1)
/// }
/// ```
public struct FloodgateFixture: Sendable {
    /// The client to hand to the code under test.
    public let client: FloodgateClient
    /// What the client tells the time by.
    public let clock: ManualClock

    let server = MemoryServer()

    /// Makes a fixture whose client knows no names, so that checks give the caller's defaults until values are set.
    /// - Parameters:
    ///   - options: Options that matter to the test, such as `environment` or `stickyStore`. Those that lead to network
    ///     or disk are passed over, and diagnostics are off.
    ///   - clock: A clock that stands at another date, or is shared with others.
    public init(options: FloodgateClient.Options = FloodgateClient.Options(), clock: ManualClock = ManualClock()) {
        self.init(TestDocument(), options: options, clock: clock)
    }

    /// Makes a fixture whose client answers from a document that is built here.
    ///
    /// ```swift
    /// var document = TestDocument()
    /// document.gates["new_checkout"] = .on
    /// let flags = FloodgateFixture(document)
    /// ```
    public init(
        _ document: TestDocument,
        options: FloodgateClient.Options = FloodgateClient.Options(),
        clock: ManualClock = ManualClock()
    ) {
        self.clock = clock
        client = Self.client(options, clock, server)
        // What is built from values always reads.
        try? client.install(document.bytes(time: clock.unixMilliseconds))
    }

    /// Makes a fixture whose client answers from a config-specs document, such as one that was downloaded from a server.
    ///
    /// ```swift
    /// let bytes = try [UInt8](Data(contentsOf: url))
    /// let flags = try FloodgateFixture(document: bytes)
    /// ```
    /// - Throws: `ClientError` with the code `document` if it does not read.
    public init(
        document: [UInt8],
        options: FloodgateClient.Options = FloodgateClient.Options(),
        clock: ManualClock = ManualClock()
    ) throws(ClientError) {
        self.clock = clock
        client = Self.client(options, clock, server)
        try client.install(document)
    }

    init(unreachableWith options: FloodgateClient.Options, _ clock: ManualClock) {
        self.clock = clock
        client = Self.client(options, clock, server)
        server.setReachable(false)
    }

    /// Has a newer document ready, which an initialised client finds with its next poll.
    ///
    /// ```swift
    /// await flags.client.initialize()
    /// document.gates["new_checkout"] = .off
    /// flags.publish(document)
    /// await flags.clock.advance(by: .seconds(10))  // the poll's interval, unless the options say otherwise
    /// #expect(!flags.client.checkGate("new_checkout", for: user))
    /// ```
    public func publish(_ document: TestDocument) {
        // Newer than the one held, even if the clock has not moved since.
        let time = max(clock.unixMilliseconds, Int64(clamping: client.specsStatus.time ?? 0) &+ 1)
        server.publish(document.bytes(time: time))
    }

    /// Has any bytes ready for the client's next poll: a document whose own time decides whether it is newer, or something
    /// broken, to see what becomes of it.
    public func publish(document: [UInt8]) { server.publish(document) }

    private static func client(
        _ options: FloodgateClient.Options,
        _ clock: ManualClock,
        _ server: MemoryServer
    ) -> FloodgateClient {
        var options = options
        options.servers = []
        options.server = "http://fixture.invalid"
        (options.specsURL, options.idListsURL, options.eventsURL, options.streamURL) = (nil, nil, nil, nil)
        (options.bootstrap, options.file, options.cacheFolder, options.proxy) = (nil, nil, nil, nil)
        options.streaming = false
        options.spillsEvents = false
        // The connections are the fixture's own, and the recorder stands at their end.
        options.disableNetwork = false
        options.compressesEvents = false
        options.disableDiagnostics = true
        let client = FloodgateClient(key: "secret-fixture", options: options, timing: clock.timing) { _ in server }
        clock.setResidents { [weak client] in client?.sleeperCount ?? 0 }
        return client
    }
}
