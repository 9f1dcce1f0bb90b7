// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Floodgate
internal import FloodgateEvents

/// What the client has logged, in order, as the server would have got it: after deduplication, and without what is private.
///
/// Whatever was logged before the call is in the answer; nothing need be flushed or shut down. Events of a client that was
/// shut down are dropped, as in production.
extension FloodgateFixture {
    /// All exposures.
    ///
    /// ```swift
    /// #expect(await flags.exposures().map(\.name) == ["new_checkout", "checkout_copy"])
    /// ```
    public func exposures() async -> [RecordedExposure] { await records().compactMap(RecordedExposure.init) }

    /// The exposures of one gate, config, experiment or layer.
    public func exposures(of name: String) async -> [RecordedExposure] {
        await exposures().filter { Array($0.name.utf8) == Array(name.utf8) }
    }

    /// All events of the application.
    ///
    /// ```swift
    /// #expect(await flags.events().map(\.name) == ["purchase"])
    /// ```
    public func events() async -> [RecordedEvent] { await records().compactMap(RecordedEvent.init) }

    /// The application's events with this name.
    public func events(named name: String) async -> [RecordedEvent] {
        await events().filter { Array($0.name.utf8) == Array(name.utf8) }
    }

    /// Waits for code that runs by itself: until there is an exposure of this name.
    ///
    /// ```swift
    /// let exposure = try #require(await flags.firstExposure(of: "nightly_cleanup"))
    /// ```
    /// - Parameters:
    ///   - name: The name of a gate, config, experiment or layer.
    ///   - limit: How long to wait in real time.
    /// - Returns: The first such exposure; nil if there is none by then, or the task is cancelled.
    public func firstExposure(of name: String, within limit: Duration = .seconds(2)) async -> RecordedExposure? {
        await first(within: limit) { await exposures(of: name).first }
    }

    /// Waits for code that runs by itself: until there is an event of this name.
    /// - Parameters:
    ///   - name: The name of an event of the application.
    ///   - limit: How long to wait in real time.
    /// - Returns: The first such event; nil if there is none by then, or the task is cancelled.
    public func firstEvent(named name: String, within limit: Duration = .seconds(2)) async -> RecordedEvent? {
        await first(within: limit) { await events(named: name).first }
    }

    /// Forgets what was recorded so far; what was logged within the window for duplicates is still known as such.
    public func forgetRecords() async {
        await client.sendEvents(over: RecordingTransport(server: server))
        server.forgetEvents()
    }

    private func records() async -> [Event] {
        await client.sendEvents(over: RecordingTransport(server: server))
        return server.events
    }

    private func first<Record>(within limit: Duration, _ look: () async -> Record?) async -> Record? {
        let end = ContinuousClock.now + limit
        while true {
            if let record = await look() { return record }
            guard ContinuousClock.now < end else { return nil }
            do { try await Task.sleep(for: .milliseconds(2)) } catch { return nil }
        }
    }
}
